"""The source of the documentation's site: `make docs` writes it, and builds the site from it.

What is there already is copied (README, ARCHITECTURE, notebooks); the gallery is drawn, each
picture beside the code that made it; the API comes from the docstrings.
"""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import viz

ROOT = Path(__file__).parents[1]

SETTINGS = """\
site_name: micrograd-tracer
docs_dir: docs
use_directory_urls: false
theme:
  name: material
  font: false
  palette:
    - media: "(prefers-color-scheme: light)"
      scheme: default
    - media: "(prefers-color-scheme: dark)"
      scheme: slate
plugins:
  - search
  - mkdocs-jupyter:
      execute: false
  - mkdocstrings:
      handlers:
        python:
          options:
            show_source: false
            show_root_heading: true
            members_order: source
extra_css:
  - site.css
markdown_extensions:
  - admonition
  - pymdownx.superfences
  - toc:
      permalink: true
validation:
  links:
    not_found: warn
    absolute_links: warn
    unrecognized_links: warn
nav:
"""

CSS = """\
iframe.stepper { width: 100%; height: 56rem; border: 1px solid #8888; }
.md-typeset img { background: #fff; }
"""

# Pages by the files that they are copied from, with their titles.
DOCUMENTS = {
    "README.md": ("index.md", "Start"),
    "README.zh-CN.md": ("index.zh-CN.md", "中文"),
    "docs/compiling.md": ("compiling.md", "What compiles, and how to rewrite what does not"),
    "docs/exporting.md": ("exporting.md", "Exporting: the code that one would have written"),
    "docs/programs.md": ("programs.md", "Ordinary programs, compiled: a table"),
    "docs/torch.md": ("torch.md", "PyTorch's names"),
    "docs/conformance.md": ("conformance.md", "Errors of each operation"),
    "docs/mutants.md": ("mutants.md", "Do the tests notice when the code is wrong?"),
    "ARCHITECTURE.md": ("architecture.md", "Architecture"),
    "docs/design.md": ("design.md", "Design"),
    "CONTRIBUTING.md": ("contributing.md", "Contributing"),
    "CHANGELOG.md": ("changes.md", "Changes"),
    "SECURITY.md": ("security.md", "Security"),
}
API = {
    "micrograd": [
        "Value", "grad", "hessian", "derivation", "Derivation", "no_grad", "detect_anomaly",
        "gradcheck", "record_step", "record_steps", "diagnose", "compile", "export", "fit",
        "from_torch", "to_torch", "save", "load",
    ],
    "viz": [
        "op_graph", "gradient_diagram", "layer_graph", "stepper", "Stepper", "Figure", "draw_dot",
        "enable_display",
    ],
    "viz.curves": [
        "loss_curves", "comparison", "optimizer_paths", "step_sizes", "decision_regions",
        "layer_health",
    ],
    "micrograd.nn": [], "micrograd.optim": [], "micrograd.data": [],
}  # fmt: skip

# Each picture: a title, code that is run with all before it, and the name of the picture.
GALLERY = (
    ("A training step", """\
import viz
from micrograd import article, nn, optim, record_step

model = article.network()
sgd = optim.SGD(model.parameters(), lr=0.01)
step = record_step(model, nn.MSELoss(), sgd, article.X, article.Y)
picture = viz.gradient_diagram(step)
"""),
    ("In Chinese", 'picture = viz.gradient_diagram(step, language="zh")\n'),
    ("A page that steps through it", "picture = viz.stepper(step)\n"),
    ("The same as a picture that moves", """\
with open("moving.svg", "w", encoding="utf-8") as file:
    file.write(viz.stepper(step).moving())
"""),
    ("Every operation", "picture = viz.op_graph(step)\n"),
    ("As matrices", "picture = viz.layer_graph(step)\n"),
    ("Any expression of Values, with local derivatives", """\
from micrograd import Value

a, b = Value(2.0, label="a"), Value(-3.0, label="b")
L = (a * b).tanh() + a**2
L.backward()
picture = viz.op_graph(L, local=True)
"""),
    ("The same, as a teacher draws it", "picture = viz.gradient_diagram(L)\n"),
    ("Karpathy's draw_dot", "picture = viz.draw_dot(L)\n"),
    ("A large network, whose layers unfold", """\
wide = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
adam = optim.Adam(wide.parameters(), lr=0.01)
picture = viz.stepper(record_step(wide, nn.MSELoss(), adam, [[0.5, -1.0]], [[1.0]]))
"""),
    ("The arrays that the compiler found in scalar code", """\
import micrograd
from micrograd import data
from micrograd.nn import MLP

mlp = MLP(3, [5, 5, 3, 1])


@micrograd.compile(parameters=mlp.parameters())
def mean_squared_error(X, y):
    return sum((mlp(row) - target) ** 2 for row, target in zip(X, y)) / len(X)


X, y = data.article(100, seed=0)
mean_squared_error(X, y[:, 0])
picture = viz.layer_graph(mean_squared_error)
"""),
    ("Losses of several rules", """\
from micrograd import fit


def trained(rule, **options):
    network = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1))
    batches = data.DataLoader(X, y, batch_size=20)
    return fit(network, nn.MSELoss(), rule(network.parameters(), **options), batches, epochs=20)


histories = {
    "SGD": trained(optim.SGD, lr=0.02),
    "momentum": trained(optim.SGD, lr=0.02, momentum=0.9),
    "Adam": trained(optim.Adam, lr=0.02),
}
picture = viz.curves.loss_curves(histories)
"""),
    ("How they compare", "picture = viz.curves.comparison(histories)\n"),
    ("Paths of optimisers", "picture = viz.curves.optimizer_paths()\n"),
    ("Sizes of their steps", "picture = viz.curves.step_sizes()\n"),
    ("What a classifier has learned", """\
points, classes = data.moons(100, noise=0.1, seed=0)
classifier = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
batches = data.DataLoader(points, classes, batch_size=20)
rule = optim.Adam(classifier.parameters(), lr=0.05)
fit(classifier, nn.HingeLoss(), rule, batches, epochs=40)
picture = viz.curves.decision_regions(classifier, points, classes)
"""),
    ("What keeps a model from learning", """\
diagnosis = micrograd.diagnose(wide, [[0.5, -1.0]], [[1.0]], nn.MSELoss(), adam)
picture = viz.curves.layer_health(diagnosis)
"""),
)  # fmt: skip
LINK = re.compile(r"\]\((?:\.\./)?([^)#:]+?)(#[^)]*)?\)")


def write(target: Path) -> None:
    """Write the site's source to a folder, which is made anew."""
    shutil.rmtree(target, ignore_errors=True)
    pages = target / "docs"
    pages.mkdir(parents=True)
    nav = []
    for file, (name, title) in DOCUMENTS.items():
        (pages / name).write_text(_linked((ROOT / file).read_text("utf-8"), file), "utf-8")
        nav.append((title, name))
    nav.insert(1, ("Gallery", "gallery.md"))
    (pages / "site.css").write_text(CSS, "utf-8")
    for picture in [*(ROOT / "docs").glob("*.svg"), *(ROOT / "docs").glob("*.html")]:
        shutil.copy(picture, pages)
    _gallery(pages)
    (pages / "notebooks").mkdir()
    notebooks = []
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        shutil.copy(notebook, pages / "notebooks")
        if "zh-CN" not in notebook.name:
            title = re.sub(r"^\d+_", "", notebook.stem).replace("_", " ")
            notebooks.append((f"Notebook: {title}", f"notebooks/{notebook.name}"))
    nav[3:3] = notebooks
    for module, names in API.items():
        page = f"api-{module}.md"
        wanted = [f"{module}.{name}" for name in names] or [module]
        (pages / page).write_text("\n".join(f"::: {name}\n" for name in wanted), "utf-8")
        nav.append((f"API: {module}", page))
    lines = "".join(f'  - "{title}": {page}\n' for title, page in nav)
    (target / "mkdocs.yml").write_text(SETTINGS + lines, "utf-8")


def _linked(text: str, file: str) -> str:
    """A document whose links lead to the site's pages; those to other files are plain text."""
    folder = Path(file).parent

    def link(found: re.Match[str]) -> str:
        wanted = (ROOT / folder / found[1]).resolve()
        path = wanted.relative_to(ROOT).as_posix() if wanted.is_relative_to(ROOT) else ""
        page = DOCUMENTS.get(path, (path.removeprefix("docs/"), ""))[0]
        return f"]({page}{found[2] or ''})"

    return LINK.sub(link, text)


def _gallery(pages: Path) -> None:
    """Every picture with the code that made it."""
    names: dict[str, Any] = {}
    parts = ["# Gallery\n", "Each piece of code follows those above it.\n"]
    for k, (title, code) in enumerate(GALLERY):
        names.pop("picture", None)
        with contextlib.chdir(pages), contextlib.redirect_stderr(io.StringIO()):
            exec(code, names)
        parts += [f"## {title}\n", f"```python\n{code}```\n"]
        parts.append(_shown(pages, f"picture{k:02d}", title, names.get("picture")) + "\n")
    (pages / "gallery.md").write_text("\n".join(parts), "utf-8")


def _shown(pages: Path, name: str, title: str, picture: Any) -> str:
    """A picture's file, and what shows it on the page."""
    if picture is None:
        return f"![{title}](moving.svg)"
    if isinstance(picture, viz.Stepper):
        picture.save(pages / f"{name}.html")
        return f'<iframe src="{name}.html" title="{title}" class="stepper"></iframe>'
    if hasattr(picture, "pipe"):  # a graph of the graphviz package, whose `save` writes DOT
        svg = picture._repr_mimebundle_()["image/svg+xml"]
        (pages / f"{name}.svg").write_text(svg, "utf-8")
    else:
        picture.save(pages / f"{name}.svg")
    return f"![{title}]({name}.svg)"


if __name__ == "__main__":
    write(Path(sys.argv[1]))
