"""Machine code kept on disk from one process to the next, for the user who made it.

It is in a folder of the user's own: `$MICROGRAD_CACHE`, or `micrograd-tracer` where the system
keeps caches. With MICROGRAD_CACHE=0 nothing is read or written. What others could have written is
not read, nor what is not whole; a folder that cannot be used is done without.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
import tempfile
from pathlib import Path

MOST_FILES = 256  # the ones that were used last stay
SUFFIX = ".o"


def folder() -> Path | None:
    """Where objects are kept; None for nowhere."""
    given = os.environ.get("MICROGRAD_CACHE")
    if given is not None:
        return Path(given) if given not in ("", "0") else None
    system = "LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME"
    home = os.environ.get(system) or os.path.expanduser("~/.cache")
    return Path(home) / "micrograd-tracer" if os.path.isabs(home) else None


def key_of(*parts: str) -> str:
    """The name of what was made from these texts."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)} ".encode() + part.encode())
    return digest.hexdigest()


def stored(key: str) -> bytes | None:
    """The object of that name, if there is one that this user has written."""
    home = folder()
    if home is None:
        return None
    path = home / (key + SUFFIX)
    try:
        with path.open("rb") as file:
            if not _own(os.stat(home)) or not _own(os.fstat(file.fileno())):
                return None
            digest, content = file.read(32), file.read()
        if hashlib.sha256(content).digest() != digest:
            return None
        os.utime(path)
    except OSError:
        return None
    return content


def store(key: str, content: bytes) -> None:
    """Keep an object; another process finds all of it or nothing."""
    home = folder()
    if home is None:
        return
    with contextlib.suppress(OSError):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _own(os.stat(home)):
            return
        handle, name = tempfile.mkstemp(dir=home)  # which only the user may read and write
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(content).digest() + content)
            os.replace(name, home / (key + SUFFIX))
        except BaseException:
            os.unlink(name)
            raise
        _forget_old(home)


def _own(status: os.stat_result) -> bool:
    """Whether nobody but this user can have written there."""
    if not hasattr(os, "getuid"):
        return True
    return status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _forget_old(home: Path) -> None:
    files = sorted(home.glob("*" + SUFFIX), key=lambda path: path.stat().st_mtime)
    for path in files[: max(len(files) - MOST_FILES, 0)]:
        path.unlink(missing_ok=True)
