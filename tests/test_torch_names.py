"""The names of torch that are here, and what is said about those that are not."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch

import micrograd
from micrograd import nn, optim
from micrograd.errors import LISTED

DOCS = Path(__file__).parents[1] / "docs"


def generator() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("torch_names", DOCS / "torch_names.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_todays() -> None:
    made = generator()
    assert made.page() == made.PAGE.read_text(encoding="utf-8"), "run make pictures"


def test_what_scripts_use_is_here_or_has_an_answer() -> None:
    made = generator()
    functions, methods = made.counted()
    assert made.share_here() > 0.99
    for full in functions:
        home, _, name = full.rpartition(".")
        assert hasattr(importlib.import_module(home), name), f"{full} is no name of torch's"
        assert LISTED not in made.answer(home, name)
    for name in methods:
        assert made.method_answer(name) != "not here"


def test_every_name_that_is_here_is_one_of_torchs() -> None:
    for name in micrograd.names.HOMES.keys() | micrograd.names.METHODS:
        getattr(micrograd, name)
    ours = {"compile", "History", "fit", "record_step", "record_steps", "from_torch", "to_torch"}
    ours |= {"Compiled", "Derivation", "Diagnosis", "derivation", "diagnose", "Export", "export"}
    for name in (micrograd.names.HOMES.keys() | micrograd.names.METHODS) - ours:
        assert hasattr(torch, name), name
    for name in nn.__all__:
        known = {"MLP", "Activation", "HingeLoss", "Layer", "Loss", "Neuron"}
        assert name in known or hasattr(torch.nn, name), name


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (lambda: micrograd.linalg, "module 'micrograd' has no attribute 'linalg': use numpy"),
        (lambda: micrograd.zeroes, "no attribute 'zeroes': docs/torch.md lists"),
        (lambda: nn.Transformer, "no attribute 'Transformer': write attention"),
        (lambda: nn.functional.pad, "no attribute 'pad': put zeros"),
        (lambda: optim.LBFGS, "no attribute 'LBFGS': Adam"),
        (lambda: micrograd.autograd.Function, "no attribute 'Function': add a row"),
        (lambda: micrograd.cuda.Stream, "ask cuda.is_available"),
        (lambda: micrograd.utils.tensorboard, "viz.curves"),
        (lambda: micrograd.zeros(2).stride(), "Tensor has no attribute 'stride': leave it out"),
        (lambda: nn.Linear(1, 1).share_memory(), "no attribute 'share_memory': remove it"),
    ],
)
def test_a_name_that_is_not_here_says_what_to_use(act, text) -> None:
    with pytest.raises(AttributeError, match=re.escape(text)):
        act()


def test_python_guesses_no_other_name() -> None:
    script = "import micrograd as torch\ntorch.zeross(2)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert "Did you mean" not in done.stderr
    assert done.stderr.splitlines()[-1].endswith(LISTED)


def test_the_line_of_the_page_changes_imports() -> None:
    """What `docs/torch.md` tells people to run does what the tests do."""
    (command,) = re.findall(r"^sed -E -i '(.*)' script.py$", (DOCS / "torch.md").read_text(), re.M)
    script = (
        "import torch\nimport torch.nn as nn\nfrom torch.utils.data import DataLoader\n"
        "  import torch\nimport torch, torch.nn as nn\nimport math, torch\n"
        "import numpy as np, torch, random\nimport torch; import torch.nn as nn\n"
        "import torch  # all\nimport torch as th\nx = torch.ones(2)  # import torchvision\n"
    )
    done = subprocess.run(
        ["sed", "-E", command], input=script, capture_output=True, text=True, check=True
    )
    assert done.stdout == (
        "import micrograd as torch\nimport micrograd.nn as nn\n"
        "from micrograd.utils.data import DataLoader\n  import micrograd as torch\n"
        "import micrograd as torch, micrograd.nn as nn\nimport math, micrograd as torch\n"
        "import numpy as np, micrograd as torch, random\n"
        "import micrograd as torch; import micrograd.nn as nn\n"
        "import micrograd as torch# all\nimport micrograd as th\n"
        "x = torch.ones(2)  # import torchvision\n"
    )


def test_what_to_use_in_place_of_a_schedule_is_said() -> None:
    with pytest.raises(AttributeError, match="LambdaLR takes any function"):
        micrograd.optim.lr_scheduler.OneCycleLR  # noqa: B018
    assert not hasattr(micrograd.optim.lr_scheduler, "Nothing")
