"""A Value shows itself as text in a notebook, and as a picture once that is asked for."""

import pytest

import viz
from micrograd import Value
from micrograd.errors import GraphError


@pytest.fixture
def shell():
    interactive = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell
    shell = interactive.instance()
    yield shell
    interactive.clear_instance()


@pytest.mark.filterwarnings("ignore")
def test_pictures_on_and_off(shell):
    a = Value(2.0, label="a")
    formatted = shell.display_formatter.format
    assert set(formatted(a * a)[0]) == {"text/plain"}
    viz.enable_display()
    assert "image/svg+xml" in formatted(a * a)[0]
    assert formatted(a * a)[0]["text/plain"] == repr(a * a)
    assert set(formatted(a)[0]) == {"text/plain"}
    viz.enable_display(False)
    assert set(formatted(a * a)[0]) == {"text/plain"}


def test_outside_of_a_notebook_it_says_so():
    with pytest.raises(GraphError, match="no IPython is running"):
        viz.enable_display()
