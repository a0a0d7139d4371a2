"""Writing files whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex

from micrograd.interrupts import restored, whole


def write_atomically(path: str | os.PathLike[str], content: bytes) -> None:
    """Write `content` to `path`: afterwards the file is whole, or as it was before.

    Raises an OSError, which names the folder, if that is not there or cannot be written.
    """
    target = Path(path)
    write_all(target.parent, {target.name: content})


def write_all(folder: Path, contents: Mapping[str, bytes]) -> list[Path]:
    """Write several files to a folder, all or none; returns their paths.

    Everything is on the disk under other names before the first file gets its own. A link stays
    one: the file that it leads to is written. A file that was there keeps its mode.
    """
    if not folder.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(folder))
    paths = [folder / name for name in contents]
    targets = [Path(os.path.realpath(path)) if path.is_symlink() else path for path in paths]
    temporary = {path: path.with_name(f".{path.name}.{token_hex(8)}") for path in targets}

    def name_all() -> None:
        for target, written in temporary.items():
            if written.exists():
                os.replace(written, target)

    def write() -> list[Path]:
        for (target, written), content in zip(temporary.items(), contents.values(), strict=True):
            if target.is_dir():
                raise IsADirectoryError(f"{target} is a directory")
            _write_like(target, written, content)
        whole(name_all)
        return paths

    def remove() -> None:
        for written in temporary.values():
            written.unlink(missing_ok=True)

    return restored(write, remove)


def _write_like(target: Path, written: Path, content: bytes) -> None:
    """Write a file with the mode of another, if there is that one: never readable by more."""
    if not target.exists():
        written.write_bytes(content)
        return
    mode = stat.S_IMODE(target.stat().st_mode)
    written.touch(mode=0o600)
    written.write_bytes(content)
    written.chmod(mode)
