"""The examples of more than one device or process end where one process ends."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCALE = Path(__file__).parents[2] / "examples" / "scale"


@pytest.mark.long
@pytest.mark.parametrize(
    ("script", "library"),
    [
        (["jax_devices.py"], "jax"),
        (["jax_devices.py", "--processes", "2"], "jax"),
        (["torch_processes.py"], "torch"),
        (["torch_processes.py", "--compile"], "torch"),
    ],
    ids=" ".join,
)
def test_it_ends_where_one_process_ends(script: list[str], library: str) -> None:
    pytest.importorskip(library)
    path = os.pathsep.join([str(SCALE.parents[1]), os.environ.get("PYTHONPATH", "")])
    run = subprocess.run(
        [sys.executable, SCALE / script[0], *script[1:]],
        capture_output=True, text=True, check=False, timeout=600,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    if "--compile" in script and re.search(r"compiler|g\+\+|InvalidCxxCompiler", run.stderr):
        pytest.skip("torch.compile finds no C++ compiler here")
    assert run.returncode == 0, run.stderr
    found = re.search(r"50 steps, largest difference from one process (\S+)", run.stdout)
    assert found is not None
    assert float(found[1]) < 1e-9
