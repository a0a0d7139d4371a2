"""Figures and pages in notebooks: executed, exported and opened; and by the rules of each program.

Jupyter and VS Code take the richest type of `_repr_mimebundle_` that they know, Colab the same in a
frame of its own; marimo asks `_mime_` first. All show text/html with frames, and image/svg+xml;
Jupyter removes frames where a notebook is not trusted, and keeps the text that is in them.
"""

import re

import pytest
from browser import needs_browser
from stepper_pages import article_step

import viz

CELLS = (
    "import viz\n"
    "from micrograd import Value, article, nn, optim, record_step\n"
    "model = article.network()\n"
    "sgd = optim.SGD(model.parameters(), lr=0.01)\n"
    "step = record_step(model, nn.MSELoss(), sgd, article.X, article.Y)",
    "viz.gradient_diagram(step)",
    "viz.gradient_diagram(step)",
    "viz.stepper(step)",
    "viz.stepper(step, language='zh')",
    "a = Value(2.0, label='a')\na * a",
    "viz.enable_display()\na * a",
    "from IPython.display import HTML\nHTML(viz.gradient_diagram(step)._repr_mimebundle_()"
    "['image/svg+xml'] * 2)",  # as VS Code puts pictures into its page
)


@pytest.fixture(scope="module")
def exported(files):
    """A notebook of these cells, executed, as the page that nbconvert makes of it."""
    nbformat = pytest.importorskip("nbformat")
    nbclient, nbconvert = pytest.importorskip("nbclient"), pytest.importorskip("nbconvert")
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    page, _ = nbconvert.HTMLExporter().from_notebook_node(notebook)
    path = files / "notebook.html"
    own = r"<script(?:(?!</script>).)*?(?:https:|mermaid)(?:(?!</script>).)*</script>"
    path.write_text(re.sub(own, "", page, flags=re.S), "utf-8")  # scripts of its own template
    return notebook, path


# How large each picture and frame is, and how wide its place is.
SIZES = """[...document.querySelectorAll(".jp-OutputArea-output :is(img, svg, iframe)")].map(e => {
  const box = e.getBoundingClientRect(), room = e.closest(".jp-OutputArea-output");
  return [box.width, box.height, room.getBoundingClientRect().width];
})"""


@pytest.mark.long
@needs_browser
@pytest.mark.filterwarnings("ignore")
def test_an_exported_notebook_shows_all_of_it(chromium, exported):
    notebook, path = exported
    outputs = [cell.outputs[0].data for cell in notebook.cells[1:]]
    assert [next(iter(data)) for data in outputs[:4]] == [
        "image/svg+xml", "image/svg+xml", "text/html", "text/html",
    ]  # fmt: skip
    assert "image/svg+xml" not in outputs[4]  # a Value's own display is text
    assert outputs[4]["text/plain"].startswith("Value(data=4.0")
    assert ">obj" not in outputs[5]["image/svg+xml"]  # a name of the notebook, not of the user
    with chromium.page(path, width=1280, height=2000) as page:
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
        assert len(ids) == len(set(ids))
        wide = page.evaluate(SIZES)
        assert len(wide) == 7
        assert all(w > 100 and h > 50 and w <= room + 1 for w, h, room in wide)
        frames = page.frames[1:]
        assert len(frames) == 2
        for frame in frames:
            frame.evaluate("document.getElementById('ui-last').click()")
            assert frame.evaluate("document.getElementById('ui-count').textContent") == "27 / 27"
            assert frame.evaluate(
                "bands.every(b => b.lines.every(l => l.texts.every("
                "t => getComputedStyle(t).visibility === 'visible')))"
            )


def test_what_each_program_is_given():
    figure, page = viz.gradient_diagram(article_step()), viz.stepper(article_step())
    picture = figure._repr_mimebundle_()
    assert list(picture) == ["image/svg+xml", "text/plain"]
    assert " id=" not in re.sub(r">[^<]*<", "><", picture["image/svg+xml"])
    frame = page._repr_mimebundle_()
    assert list(frame) == ["text/html", "text/plain"]
    html = frame["text/html"]
    assert html.startswith("<iframe srcdoc=")
    assert re.search(r'" sandbox="allow-scripts" title=', html)
    assert "allow-same-origin" not in html
    assert len(html) < 400_000  # Jupyter and Colab are slow with outputs of megabytes
    assert html.endswith("Trust this notebook to see the page: one sample  x = 2, y = 4, "
                         "learning rate lr = 0.01</iframe>")  # fmt: skip
    assert page._mime_() == ("text/html", html)
    assert figure._mime_() == ("image/svg+xml", picture["image/svg+xml"])
