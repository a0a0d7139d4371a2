"""Notebooks and README in English and Chinese: the same code, pictures that say what they are."""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
import xml.etree.ElementTree as ElementTree
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOKS = ROOT / "notebooks"
ENGLISH = sorted(path for path in NOTEBOOKS.glob("*.ipynb") if ".zh-CN" not in path.name)
ALL = sorted(NOTEBOOKS.glob("*.ipynb"))
HAN = re.compile("[\u4e00-\u9fff]")
MATHS = re.compile(r"\$\$.*?\$\$", re.DOTALL)


def names(path):
    return path.name


def cells(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def source(cell):
    return "".join(cell["source"])


class WithoutWords(ast.NodeTransformer):
    """Code without what another language may change: texts, and the argument `language`."""

    def visit_Constant(self, node):
        return ast.Constant("") if isinstance(node.value, str) else node

    def visit_JoinedStr(self, node):
        parts = [self.visit(part) for part in node.values if isinstance(part, ast.FormattedValue)]
        return ast.JoinedStr([ast.FormattedValue(part.value, part.conversion) for part in parts])

    def visit_Call(self, node):
        self.generic_visit(node)
        node.keywords = [k for k in node.keywords if k.arg != "language"]
        return node


def code(text):
    return ast.unparse(WithoutWords().visit(ast.parse(text)))


def comments(text):
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return [token.string for token in tokens if token.type == tokenize.COMMENT]


def test_words_do_not_count_and_code_does():
    assert code('print(f"loss {x:.3f}")') == code('print(f"损失 {x:.3f}")')
    assert code("draw(x)") == code('draw(x, language="zh")')
    for other in ("draw(y)", "draw(x, 1)", "draw(x, digits=2)", "draw(x); y"):
        assert code("draw(x)") != code(other)
    assert code('print(f"{x}")') != code('print(f"{y}")')


@pytest.mark.parametrize("path", ENGLISH, ids=names)
def test_every_notebook_is_there_in_chinese_with_the_same_code(path):
    english, chinese = cells(path), cells(path.with_suffix(".zh-CN.ipynb"))
    assert [cell["cell_type"] for cell in english] == [cell["cell_type"] for cell in chinese]
    for ours, theirs in zip(english, chinese, strict=True):
        if ours["cell_type"] == "code":
            assert code(source(ours)) == code(source(theirs))
            assert len(comments(source(ours))) == len(comments(source(theirs)))
            assert not HAN.search(source(ours))
        else:
            assert HAN.search(source(theirs))
            assert not HAN.search(source(ours))
            assert MATHS.findall(source(ours)) == MATHS.findall(source(theirs))
            marks = [
                re.findall(r"^(#+ |\* )", source(cell), re.MULTILINE) for cell in (ours, theirs)
            ]
            assert marks[0] == marks[1]
            code_words = [set(re.findall(r"`([^`]+)`", source(cell))) for cell in (ours, theirs)]
            assert code_words[0] == code_words[1]


@pytest.mark.parametrize("path", ALL, ids=names)
def test_notebooks_are_kept_as_they_ran(path):
    counts = []
    for cell in cells(path):
        if cell["cell_type"] == "code":
            counts.append(cell["execution_count"])
            assert all(output["output_type"] != "error" for output in cell["outputs"])
            assert all(output.get("name") != "stderr" for output in cell["outputs"])
    assert counts == list(range(1, len(counts) + 1))


@pytest.mark.parametrize("path", ALL, ids=names)
def test_pictures_in_notebooks_can_be_read_out(path):
    for cell in cells(path):
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            assert "image/png" not in data
            if "image/svg+xml" in data:
                root = ElementTree.fromstring("".join(data["image/svg+xml"]))
                title = root.find(".//{http://www.w3.org/2000/svg}title")
                assert root.get("aria-label") or (title is not None and title.text.strip())
        assert "![](" not in source(cell)


def test_the_extra_has_what_the_notebooks_import():
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    extra = setup["options.extras_require"]["notebook"]
    imported = set()
    for path in ALL:
        for cell in cells(path):
            if cell["cell_type"] == "code":
                for node in ast.walk(ast.parse(source(cell))):
                    if isinstance(node, ast.Import):
                        imported |= {alias.name.split(".")[0] for alias in node.names}
                    elif isinstance(node, ast.ImportFrom):
                        imported.add(node.module.split(".")[0])
    assert {"torch", "numpy"} <= imported
    for package in ("notebook", "ipykernel", "matplotlib", "torch", "llvmlite", "jax"):
        assert re.search(rf"^{package}\b", extra, re.MULTILINE)
    standard = {"collections", "importlib", "math", "operator", "os", "random", "time"}
    assert imported - standard <= {"micrograd", "viz", "numpy", "torch", "jax"}


FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def without_words(language, block):
    """A block without comments and without the language that it asks for."""
    if language == "python":
        return code(block)
    lines = (re.sub(r"\s*#.*| --language zh", "", line) for line in block.splitlines())
    return [" ".join(line.split()) for line in lines]


def test_the_chinese_readme_is_whole():
    english, chinese = (
        (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md")
    )
    ours, theirs = FENCE.findall(english), FENCE.findall(chinese)
    assert len(ours) > 10
    assert [language for language, _ in ours] == [language for language, _ in theirs]
    for (language, block), (_, other) in zip(ours, theirs, strict=True):
        assert without_words(language, block) == without_words(language, other)
    prose = [FENCE.sub("", text) for text in (english, chinese)]
    levels = [re.findall(r"^#+ ", text, re.MULTILINE) for text in prose]
    assert levels[0] == levels[1]
    pictures = [len(re.findall(r"!\[[^\]]+\]\(", text)) for text in prose]
    assert pictures[0] == pictures[1]
    rows = [len(re.findall(r"^\|", text, re.MULTILINE)) for text in prose]
    assert rows[0] == rows[1]
    numbers = [sorted(re.findall(r"(?<![\d.])\d+\.\d+(?!\.?\d)", text)) for text in prose]
    assert numbers[0] == numbers[1]
    for target in re.findall(r"\]\(([^)#]+)\)", chinese):
        assert (ROOT / target).exists()
