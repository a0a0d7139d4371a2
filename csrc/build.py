"""Build the compiled core into a checkout: `make native`.

With the C compiler that there is, or else with the one in `ziglang`, which pip installs. Says in
one line what is missing where it cannot be built.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTHON = sys.executable


def compiler() -> dict[str, str]:
    """The variables that choose a compiler; none where the usual one is there."""
    usual = [os.environ.get("CC", ""), "cc", "gcc", "clang"]
    if os.name == "nt" or any(shutil.which(name.split()[0]) for name in usual if name):
        return {}
    quiet = ["--quiet", "--disable-pip-version-check"]
    subprocess.run([PYTHON, "-m", "pip", "install", *quiet, "ziglang"], check=True)
    zig = f"{PYTHON} -m ziglang cc"
    return {"CC": zig, "LDSHARED": f"{zig} -shared"}


def main() -> None:
    """Build, and see that the engine uses it."""
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if not header.is_file():
        raise SystemExit(f"{header} is missing: install Python's headers (python3-dev)")
    environment = {**os.environ, **compiler()}
    build = [PYTHON, "setup.py", "--quiet", "build_ext", "--inplace", "--force"]
    subprocess.run(build, cwd=ROOT, env=environment, check=True)
    code = "from micrograd.engine import CORE, WHY_PYTHON; print(CORE, WHY_PYTHON)"
    environment.pop("MICROGRAD_PURE", None)
    said = subprocess.run([PYTHON, "-c", code], cwd=ROOT, env=environment, check=True,
                          capture_output=True, text=True).stdout.strip()  # fmt: skip
    if not said.startswith("native"):
        raise SystemExit(f"the core in use is still {said}")
    print("the native core is built and in use")


if __name__ == "__main__":
    main()
