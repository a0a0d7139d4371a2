"""What tests of pages have in common: a browser, and the page of the article's step."""

import pytest
from browser import browser
from stepper_pages import article_step

import viz


@pytest.fixture(scope="module")
def chromium():
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def article_page(files):
    return viz.stepper(article_step()).save(files / "step.html")
