"""Scripts written for torch, in the manner of what people publish: run there and here, compared.

Every line of output, every array and gradient that a script leaves behind, and its warnings.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch_runner as runner

QUICK = {"xor_bce", "linear_regression_by_hand", "autograd_basics", "tensor_basics", "tiny_cnn"}
SCRIPTS = [path for path in runner.SCRIPTS if path.stem != "conftest"]


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(path, id=path.stem, marks=[] if path.stem in QUICK else pytest.mark.long)
        for path in SCRIPTS
    ],
)
def test_a_script_does_here_what_it_does_in_torch(script: Path) -> None:
    source = script.read_text(encoding="utf-8")
    theirs, expected = runner.in_torch(source)
    mine, names = runner.in_micrograd(source)
    wrong = runner.different_lines(mine, theirs) + runner.different_numbers(names, expected)
    assert not wrong, "\n".join(wrong[:12])


def test_there_are_as_many_as_promised() -> None:
    assert len(SCRIPTS) >= 40
