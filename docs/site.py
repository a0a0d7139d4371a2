"""The source of the documentation's site: `make docs` writes it, and builds the site from it.

What is there already is copied (README, ARCHITECTURE, notebooks); the gallery is drawn, each
picture beside the code that made it; the API comes from the docstrings.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any

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
markdown_extensions:
  - admonition
  - pymdownx.superfences
  - toc:
      permalink: true
validation:
  links:
    not_found: ignore
    unrecognized_links: ignore
nav:
"""

DOCUMENTS = {
    "compiling.md": "docs/compiling.md", "conformance.md": "docs/conformance.md",
    "index.md": "README.md", "architecture.md": "ARCHITECTURE.md",
    "contributing.md": "CONTRIBUTING.md", "changes.md": "CHANGELOG.md",
}  # fmt: skip
API = {
    "micrograd": [
        "Value", "grad", "hessian", "derivation", "Derivation", "no_grad", "detect_anomaly",
        "gradcheck", "record_step", "record_steps", "compile", "fit", "save", "load",
    ],
    "viz": [
        "op_graph", "gradient_diagram", "layer_graph", "stepper", "Stepper", "Figure", "draw_dot",
        "enable_display",
    ],
    "micrograd.nn": [], "micrograd.optim": [], "micrograd.data": [],
}  # fmt: skip

STEP = """\
from micrograd import article, nn, optim, record_step

model = article.network()
sgd = optim.SGD(model.parameters(), lr=0.01)
step = record_step(model, nn.MSELoss(), sgd, article.X, article.Y)
"""
GALLERY = {
    "gradient_diagram": ("A training step, as a teacher draws it", "viz.gradient_diagram(step)"),
    "gradient_diagram_zh": ("In Chinese", 'viz.gradient_diagram(step, language="zh")'),
    "op_graph": ("Every operation", "viz.op_graph(step)"),
    "op_graph_local": ("With local derivatives", "viz.op_graph(step, local=True)"),
    "layer_graph": ("As matrices", "viz.layer_graph(step)"),
    "stepper": ("The page, to step through", "viz.stepper(step)"),
}


def write(target: Path) -> None:
    """Write the site's source to a folder, which is made anew."""
    shutil.rmtree(target, ignore_errors=True)
    pages = target / "docs"
    pages.mkdir(parents=True)
    nav = [("Start", "index.md"), ("Gallery", "gallery.md")]
    for name, file in DOCUMENTS.items():
        text = (ROOT / file).read_text("utf-8").replace("](docs/", "](")
        (pages / name).write_text(text, "utf-8")
    for picture in [*(ROOT / "docs").glob("*.svg"), *(ROOT / "docs").glob("*.html")]:
        shutil.copy(picture, pages)
    _gallery(pages)
    for module, names in API.items():
        page = f"api-{module}.md"
        wanted = [f"{module}.{name}" for name in names] or [module]
        (pages / page).write_text("\n".join(f"::: {name}\n" for name in wanted), "utf-8")
        nav.append((module, page))
    (pages / "notebooks").mkdir()
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        if "zh-CN" not in notebook.name:
            shutil.copy(notebook, pages / "notebooks")
            title = re.sub(r"^\d+_", "", notebook.stem).replace("_", " ")
            nav.append((f"Notebook: {title}", f"notebooks/{notebook.name}"))
    others = ("compiling", "conformance", "architecture", "contributing", "changes")
    nav += [(name.capitalize(), f"{name}.md") for name in others]
    lines = "".join(f'  - "{title}": {page}\n' for title, page in nav)
    (target / "mkdocs.yml").write_text(SETTINGS + lines, "utf-8")


def _gallery(pages: Path) -> None:
    """Every picture with the code that made it."""
    names: dict[str, Any] = {}
    exec("import viz\n" + STEP, names)
    parts = ["# Gallery\n", f"All of one step:\n\n```python\nimport viz\n{STEP}```\n"]
    for name, (title, code) in GALLERY.items():
        figure = eval(code, names)
        kind = "html" if name == "stepper" else "svg"
        figure.save(pages / f"{name}.{kind}")
        shown = (
            f'<iframe src="{name}.html" title="{title}" style="width:100%;height:56rem;border:0">'
            "</iframe>"
            if kind == "html"
            else f"![{title}]({name}.svg)"
        )
        parts.append(f"## {title}\n\n```python\n{code}\n```\n\n{shown}\n")
    (pages / "gallery.md").write_text("\n".join(parts), "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
