"""The compiled core: C made from the op table, one binary for every Python from 3.11 on; optional.

Where it cannot be built (no C compiler, no Python.h, a Python without the limited API), the package
is installed without it, and the engine's core in Python does the same.
"""

import subprocess
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

FLAGS = ["-O2", "-ffp-contract=off", "-fno-strict-aliasing", "-fvisibility=hidden"]
FLAGS += ["-fno-math-errno"]  # nobody reads errno, and so what is computed twice is computed once
LIMITED = not sysconfig.get_config_var("Py_GIL_DISABLED")


class Build(build_ext):
    """Makes the rows' C first; a failure is one line, and no core."""

    def build_extension(self, ext: Extension) -> None:
        """Build into where setuptools wants it."""
        made = Path(self.build_temp)
        made.mkdir(parents=True, exist_ok=True)
        target = str(made / "rows.h")
        subprocess.run([sys.executable, "csrc/generate.py", target], check=True)
        ext.include_dirs.append(str(made))
        if self.compiler.compiler_type == "unix":
            ext.extra_compile_args = FLAGS
        super().build_extension(ext)


CORE = Extension(
    "micrograd._native",
    ["csrc/module.c"],
    depends=[
        *map(str, sorted(Path("csrc").glob("*.*"))),
        "micrograd/ops.py",
        "micrograd/symbolic.py",
    ],
    py_limited_api=True,
    optional=True,
)

setup(
    ext_modules=[CORE] if LIMITED else [],
    cmdclass={"build_ext": Build},
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if LIMITED else {},
)
