"""`save` and `load`: states of models and optimisers in files that can hold nothing but data.

A file is a tree of dicts, lists, tuples, strings, numbers, booleans, None and arrays, written as
one JSON document

    {"format": "micrograd", "version": 1, "content": ..., "crc32": ...}

where the sum is that of the content as `json.dumps` writes it (older files have none), and
`{"$array": ...}`, `{"$tuple": [...]}` and `{"$dict": [[key, item], ...]}` stand for what JSON
lacks. A `.json` file is that document; an array is its numbers in one list, its dtype and its
shape. A `.npz` file is an uncompressed NumPy archive: the document is its member `micrograd.json`,
and an array is the name of another member.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
import zipfile
import zlib
from collections.abc import Callable
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from micrograd.errors import ArgumentTypeError, ArgumentValueError
from micrograd.tensors.tensor import Tensor, tensor
from micrograd.training.files import write_atomically

FORMAT = "micrograd"
VERSION = 1

_DOCUMENT = "micrograd.json"  # member of an archive
_SUM = "crc32"
_DTYPES = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64",
)  # fmt: skip
_OF_TORCH = (".pt", ".pth", ".pkl", ".ckpt", ".tar", ".bin")  # written as archives
_DEEPEST = 64  # levels of the tree
_MEMBER_NAME = re.compile(r"[\w.-]{1,100}", re.ASCII)  # what every zip program agrees on

AnyArray = NDArray[Any]
# An array and the name it would like -> what stands for it.
WriteArray = Callable[[AnyArray, str], Any]
ReadArray = Callable[[dict[str, Any]], AnyArray]


def save(obj: Any, path: str | os.PathLike[str]) -> None:
    """Write a state to a file, `.npz` or `.json` as the path ends; `.pt` and `.pth` are `.npz`.

    `obj` is a `state_dict()`, or any tree of dicts (keys: strings and whole numbers), lists,
    tuples, strings, numbers, booleans, None and arrays of numbers. Numbers come back to the bit;
    in JSON, only the sign of a nan is lost. The file is written whole or not at all.

    Raises an ArgumentTypeError for what a file cannot hold, an ArgumentValueError for another
    ending or too many levels, an OSError if the file cannot be written.

    >>> import tempfile, pathlib
    >>> from micrograd import load, nn, save
    >>> model = nn.Linear(2, 1)
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "model.npz"
    >>> save(model.state_dict(), path)
    >>> model.load_state_dict(load(path))
    <All keys matched successfully>
    """
    ending = _ending(path)
    content = _archive(obj) if ending == ".npz" else _text(obj, _numbers)
    write_atomically(path, content)


def load(
    path: str | os.PathLike[str], map_location: Any = None, *, weights_only: bool = True
) -> Any:
    """Read what `save` wrote: plain dicts, lists and numbers, and arrays as they were saved.

    `map_location` and `weights_only` are torch's; there is the CPU only, and nothing but numbers.

    Nothing in the file is executed, and memory is taken for what is there, not for what the file
    claims. Raises an ArgumentValueError if the file is damaged, of another version or not one of
    ours, an OSError if it cannot be read.

    >>> import tempfile, pathlib
    >>> from micrograd import load, save
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "state.json"
    >>> save({"lr": 0.1, "betas": (0.9, 0.999)}, path)
    >>> load(path)
    {'lr': 0.1, 'betas': (0.9, 0.999)}
    """
    ending = _ending(path)
    content = Path(path).read_bytes()
    try:
        return _from_archive(content) if ending == ".npz" else _from_text(content, _array)
    except Exception as error:
        # zipfile, NumPy and json raise a dozen kinds of error for bytes that are not theirs.
        text = str(error) if isinstance(error, _FileError) else f"it is damaged ({error!r:.200})"
        raise ArgumentValueError(f"{path} cannot be loaded: {text}") from None


class _FileError(ValueError):
    """What is wrong with a file, in words."""


def _ending(path: str | os.PathLike[str]) -> str:
    if not isinstance(path, str | os.PathLike):
        raise ArgumentTypeError(f"path must be the name of a file, got {type(path).__name__}")
    ending = Path(path).suffix.lower()
    if ending in _OF_TORCH:
        return ".npz"
    if ending not in (".npz", ".json"):
        raise ArgumentValueError(
            f"path must end in .npz or .json, got {os.fspath(path)!r} (.pt and .pth are npz here)"
        )
    return ending


# ---- the tree and its document -------------------------------------------------------------------


def _text(obj: Any, write: WriteArray) -> bytes:
    content = _encoded(obj, write, ())
    document = {"format": FORMAT, "version": VERSION, "content": content, _SUM: _sum(content)}
    return json.dumps(document).encode("ascii")


def _sum(content: Any) -> int:
    return zlib.crc32(json.dumps(content).encode("ascii"))


def _encoded(x: Any, write: WriteArray, place: tuple[str, ...]) -> Any:
    """The tree as JSON has it; `write` says what stands for an array."""
    name = ".".join(place)
    if len(place) > _DEEPEST:
        raise ArgumentValueError(f"obj has more than {_DEEPEST} levels at {name:.80}")
    if x is None or isinstance(x, bool | str):
        return x
    if isinstance(x, dict):
        items = [(_key(k, name), _encoded(v, write, (*place, str(k)))) for k, v in x.items()]
        plain = all(isinstance(k, str) and not k.startswith("$") for k, _ in items)
        return dict(items) if plain else {"$dict": [list(item) for item in items]}
    if isinstance(x, list | tuple):
        parts = [_encoded(v, write, (*place, str(i))) for i, v in enumerate(x)]
        return parts if isinstance(x, list) else {"$tuple": parts}
    if isinstance(x, Tensor | np.ndarray):
        array = np.asarray(x.numpy() if isinstance(x, Tensor) else x, order="C")
        if array.dtype.name not in _DTYPES:
            raise ArgumentTypeError(f"{name or 'obj'} holds {array.dtype}, which is not numbers")
        written = write(array.astype(array.dtype.newbyteorder("=")), name)
        return {**written, "tensor": True} if isinstance(x, Tensor) else written
    if isinstance(x, Integral | np.bool_):
        return bool(x) if isinstance(x, np.bool_) else int(x)
    if isinstance(x, float | np.float16 | np.float32):
        return float(x)
    hint = ": save its state_dict()" if hasattr(x, "state_dict") else ""
    raise ArgumentTypeError(f"{name or 'obj'} cannot be saved, got {type(x).__name__}{hint}")


def _key(key: Any, name: str) -> str | int:
    if isinstance(key, str):
        return str(key)
    if isinstance(key, Integral) and not isinstance(key, bool):
        return int(key)
    raise ArgumentTypeError(
        f"the keys of {name or 'obj'} must be strings or whole numbers, got {key!r:.80}"
    )


def _from_text(content: bytes, read: ReadArray) -> Any:
    document = json.loads(content.decode("utf-8"), object_pairs_hook=_unique)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise _FileError("it is not a file of micrograd.save")
    version = document.get("version")
    if version != VERSION:
        raise _FileError(f"it has version {version!r:.80}, this program reads version {VERSION}")
    content = document["content"]
    if _SUM in document and document[_SUM] != _sum(content):
        raise _FileError(
            f"its content is not what was saved: it is damaged, or was edited (then leave {_SUM!r} "
            "out)"
        )
    return _decoded(content, read)


def _unique(pairs: list[tuple[str, Any]]) -> dict[Any, Any]:
    names = dict(pairs)
    if len(names) < len(pairs):
        raise _FileError("a name is there twice")
    return names


def _decoded(x: Any, read: ReadArray) -> Any:
    if isinstance(x, list):
        return [_decoded(v, read) for v in x]
    if not isinstance(x, dict):
        return x
    if "$array" in x:
        return tensor(read(x)) if x.get("tensor") is True else read(x)
    if "$tuple" in x:
        return tuple(_decoded(v, read) for v in x["$tuple"])
    if "$dict" in x:
        return _unique([(k, _decoded(v, read)) for k, v in x["$dict"]])
    return {k: _decoded(v, read) for k, v in x.items()}


# ---- arrays in JSON ------------------------------------------------------------------------------


def _numbers(array: AnyArray, name: str) -> dict[str, Any]:
    return {"$array": array.ravel().tolist(), "dtype": array.dtype.name, "shape": array.shape}


def _array(x: dict[str, Any]) -> AnyArray:
    numbers, dtype = x["$array"], x["dtype"]
    if dtype not in _DTYPES:
        raise _FileError(f"an array has the dtype {dtype!r:.80}")
    with np.errstate(all="ignore"):
        array = np.array(numbers, dtype)
    if array.shape != (_size(x["shape"]),):
        raise _FileError(f"an array has {array.size} numbers, and not those of its shape")
    # As text, since NumPy makes numbers of texts and None, and rounds what does not fit.
    if repr(array.tolist()) != repr(numbers):
        raise _FileError(f"an array holds what is not {dtype}")
    return array.reshape(x["shape"])


def _size(shape: list[int]) -> int:
    if not all(type(n) is int and n >= 0 for n in shape):
        raise _FileError(f"an array has the shape {shape!r:.80}")
    return math.prod(shape)


# ---- arrays in an archive ------------------------------------------------------------------------


def _archive(obj: Any) -> bytes:
    arrays: dict[str, AnyArray] = {}

    def write(array: AnyArray, name: str) -> dict[str, Any]:
        member = f"{name}.npy"
        if not _MEMBER_NAME.fullmatch(name) or member in arrays:
            member = f"#{len(arrays)}.npy"
        arrays[member] = array
        return {"$array": member}

    document = _text(obj, write)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        # A ZipInfo has a fixed date: the same state makes the same file.
        archive.writestr(zipfile.ZipInfo(_DOCUMENT), document)
        for member, array in arrays.items():
            body = io.BytesIO()
            npy.write_array(body, array, version=(1, 0), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(member), body.getvalue())
    return file.getvalue()


def _from_archive(content: bytes) -> Any:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = _unique([(info.filename, info) for info in archive.infolist()])
        if _DOCUMENT not in members:
            raise _FileError("it is not a file of micrograd.save")
        if any(info.compress_type != zipfile.ZIP_STORED for info in members.values()):
            raise _FileError("it is compressed, which micrograd.save does not do")
        if sum(info.file_size for info in members.values()) > len(content):
            raise _FileError("it claims to hold more than it does")
        document = archive.read(_DOCUMENT)
        bodies = {name: archive.read(name) for name in members if name != _DOCUMENT}

    def read(x: dict[str, Any]) -> AnyArray:
        return _member(bodies.pop(x["$array"]))

    tree = _from_text(document, read)
    if bodies:
        raise _FileError(f"it holds {len(bodies)} members that do not belong to it")
    return tree


def _member(body: bytes) -> AnyArray:
    """The array of one `.npy` file; refuses pickles, and shapes that the bytes do not fill."""
    file = io.BytesIO(body)
    if npy.read_magic(file) != (1, 0):
        raise _FileError("an array has another version of NumPy's format")
    shape, fortran_order, dtype = npy.read_array_header_1_0(file, max_header_size=1000)
    if dtype.name not in _DTYPES or dtype.names or fortran_order:
        raise _FileError(f"an array holds {dtype!s:.80}, not numbers in rows")
    numbers = body[file.tell() :]
    if _size(list(shape)) * dtype.itemsize != len(numbers):
        raise _FileError(f"an array has {len(numbers)} bytes, and not those of its shape")
    return np.ndarray(shape, dtype, numbers).copy()
