"""Writing files whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path


def write_atomically(path: str | os.PathLike[str], content: bytes) -> None:
    """Write `content` to `path`: afterwards the file is whole, or as it was before.

    Raises an OSError, which names the folder, if that is not there or cannot be written.
    """
    target = Path(path)
    write_all(target.parent, {target.name: content})


def write_all(folder: Path, contents: Mapping[str, bytes]) -> list[Path]:
    """Write several files to a folder, all or none; returns their paths.

    Everything is on the disk under other names before the first file gets its own.
    """
    if not folder.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(folder))
    written: list[tuple[str, Path]] = []
    try:
        for name, content in contents.items():
            target = folder / name
            if target.is_dir():
                raise IsADirectoryError(f"{target} is a directory")
            handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{name}.")
            written.append((temporary, target))
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.chmod(temporary, 0o666 & ~_umask())
        for temporary, target in written:
            os.replace(temporary, target)
    finally:
        for temporary, _ in written:
            if os.path.exists(temporary):
                os.unlink(temporary)
    return [target for _, target in written]


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
