"""`save` and `load`: round trips to the bit, and every kind of file that must not be trusted."""

from __future__ import annotations

import io
import itertools
import json
import math
import os
import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from micrograd import MicrogradError, Tensor, Value, load, nn, optim, save, tensor
from micrograd.training.saving import VERSION

ENDINGS = [".npz", ".json"]
DTYPES = [
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64",
]  # fmt: skip
in_any_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def same(a: Any, b: Any) -> bool:
    """The same tree: types, order of keys, dtypes, shapes and bits (any nan is like any other)."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return same(a.numpy(), b.numpy())
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if type(a) is not type(b):
        return False
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        equal = np.array_equal(a, b, equal_nan=True)
        signs = a.dtype.kind != "f" or np.array_equal(sign(a), sign(b))
        return equal and signs and a.dtype == b.dtype and a.shape == b.shape
    if isinstance(a, float):
        return bool(same(np.array(a), np.array(b)))
    return bool(a == b)


def sign(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.signbit(x) & ~np.isnan(x)


def failure(path: Path) -> str:
    """The text of the one error that loading gives."""
    with pytest.raises(ValueError, match="cannot be loaded: ") as caught:
        load(path)
    assert isinstance(caught.value, MicrogradError)
    assert caught.value.__suppress_context__
    text = str(caught.value)
    assert str(path) in text
    assert len(text) < len(str(path)) + 400
    assert "\n" not in text
    return text


# ---- round trips ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ENDINGS)
def test_models_round_trip(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"model{ending}"
    for make in (
        lambda: nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1, bias=False)),
        lambda: nn.MLP(2, [3, 1]),
        lambda: nn.Tanh(),
    ):
        model, other = make(), make()
        save(model.state_dict(), path)
        state = load(path)
        assert type(state) is dict
        assert same(state, model.state_dict())
        other.load_state_dict(state)
        assert same(other.state_dict(), model.state_dict())


@pytest.mark.parametrize("ending", ENDINGS)
def test_training_goes_on_where_it_was(tmp_path: Path, ending: str) -> None:
    def make() -> tuple[Any, Any]:
        model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
        return model, optim.Adam(model.parameters(), lr=0.05, weight_decay=0.01)

    def train(model: Any, optimizer: Any) -> None:
        for _ in range(3):
            optimizer.zero_grad()
            nn.MSELoss()(model([[1.0, 2.0], [3.0, -1.0]]), [[1.0], [2.0]]).backward()
            optimizer.step()

    (model, adam), (other, other_adam) = make(), make()
    train(model, adam)
    save(model.state_dict(), tmp_path / f"model{ending}")
    save(adam.state_dict(), tmp_path / f"adam{ending}")
    assert same(load(tmp_path / f"adam{ending}"), adam.state_dict())
    other.load_state_dict(load(tmp_path / f"model{ending}"))
    other_adam.load_state_dict(load(tmp_path / f"adam{ending}"))
    train(model, adam)
    train(other, other_adam)
    assert same(other.state_dict(), model.state_dict())


names = st.text(max_size=8) | st.sampled_from(
    ["$array", "$dict", "$tuple", "a.b", "../x", "a\0b", "#0", "micrograd.json", "\ud800"]
)
keys = names | st.integers(-(10**20), 10**20)
numbers = st.floats() | st.integers() | st.booleans() | st.none() | names
shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
arrays = st.sampled_from(DTYPES).flatmap(lambda dtype: hnp.arrays(dtype, shapes))
trees = st.recursive(
    numbers | arrays,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(keys, inner, max_size=3)
    ),
    max_leaves=8,
)


@in_any_folder
@given(tree=trees, ending=st.sampled_from(ENDINGS))
def test_any_tree_round_trips(tmp_path: Path, tree: Any, ending: str) -> None:
    path = tmp_path / f"tree{ending}"
    save(tree, path)
    assert same(load(path), tree)


@pytest.mark.parametrize("ending", ENDINGS)
def test_numbers_come_back_to_the_bit(tmp_path: Path, ending: str) -> None:
    edges = [0.1, -0.0, 5e-324, 1.7976931348623157e308, math.inf, -math.inf, math.nan, 2**53 + 1]
    state = {"list": edges, "array": np.array(edges), "scalar": np.array(0.1)}
    for dtype in DTYPES[1:9]:
        info = np.iinfo(dtype)
        state[dtype] = np.array([info.min, info.max], dtype)
    save(state, tmp_path / f"x{ending}")
    back = load(tmp_path / f"x{ending}")
    assert same(back, state)
    assert back["array"].tobytes() == state["array"].tobytes()
    assert back["array"].flags.writeable


@pytest.mark.parametrize("ending", ENDINGS)
def test_numbers_of_numpy_and_arrays_in_any_layout(tmp_path: Path, ending: str) -> None:
    given = {
        "numbers": [np.float32(0.1), np.int8(3), np.bool_(True), np.float64(0.2)],
        "turned": np.arange(6.0).reshape(2, 3).T,
        "swapped": np.array([1.0, 2.0], ">f8"),
        "strided": np.arange(10)[::3],
        "tensor": tensor([[1.0, 2.0]]),
        "parameter": nn.Parameter([3.0]),
    }
    save(given, tmp_path / f"x{ending}")
    assert same(
        load(tmp_path / f"x{ending}"),
        {
            "numbers": [float(np.float32(0.1)), 3, True, 0.2],
            "turned": np.array([[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]),
            "swapped": np.array([1.0, 2.0]),
            "strided": np.array([0, 3, 6, 9]),
            "tensor": tensor([[1.0, 2.0]]),
            "parameter": tensor([3.0]),
        },
    )


def test_numpy_reads_an_archive(tmp_path: Path) -> None:
    model = nn.Linear(2, 1)
    save(model.state_dict(), tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz", allow_pickle=False) as archive:
        assert np.array_equal(archive["weight"], model.weight.numpy())
        assert json.loads(archive["micrograd.json"])["format"] == "micrograd"


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_same_state_makes_the_same_file(tmp_path: Path, ending: str) -> None:
    state = nn.Linear(2, 1).state_dict()
    for name in "ab":
        save(state, tmp_path / f"{name}{ending}")
    assert (tmp_path / f"a{ending}").read_bytes() == (tmp_path / f"b{ending}").read_bytes()


# ---- what cannot be saved ------------------------------------------------------------------------


def endless() -> list[Any]:
    inner: list[Any] = []
    inner.extend([inner, inner])
    return inner


@pytest.mark.parametrize(
    ("obj", "text"),
    [
        (nn.Linear(1, 1), r"obj cannot be saved, got Linear: save its state_dict\(\)"),
        ({"a": {"b": Value(1.0)}}, r"a\.b cannot be saved, got Value"),
        ({"a": [1, print]}, r"a\.1 cannot be saved, got builtin_function_or_method"),
        ({"a": 1j}, "a cannot be saved, got complex"),
        ({"a": {1, 2}}, "a cannot be saved, got set"),
        ({"a": b"bytes"}, "a cannot be saved, got bytes"),
        ({"a": np.array([1j])}, "a holds complex128, which is not numbers"),
        ({"a": np.array(["x"])}, "a holds <U1, which is not numbers"),
        ({"a": np.array([None])}, "a holds object, which is not numbers"),
        ({"a": {(1, 2): 3}}, r"keys of a must be strings or whole numbers, got \(1, 2\)"),
        ({True: 3}, "keys of obj must be strings or whole numbers, got True"),
        (endless(), "obj has more than 64 levels at 0.0.0"),
    ],
)
@pytest.mark.parametrize("ending", ENDINGS)
def test_what_a_file_cannot_hold(tmp_path: Path, obj: Any, text: str, ending: str) -> None:
    path = tmp_path / f"x{ending}"
    save([1.0], path)
    with pytest.raises(MicrogradError, match=text):
        save(obj, path)
    assert load(path) == [1.0]
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("name", ["model.txt", "model", "model.npz.gz", ".npz"])
def test_only_two_endings(tmp_path: Path, name: str) -> None:
    for act in (lambda: save({}, tmp_path / name), lambda: load(str(tmp_path / name))):
        with pytest.raises(ValueError, match=r"path must end in \.npz or \.json, got") as caught:
            act()
        assert isinstance(caught.value, MicrogradError)
    with pytest.raises(TypeError, match="path must be the name of a file, got int"):
        load(3)
    assert os.listdir(tmp_path) == []


def test_an_ending_in_capitals_and_a_file_that_is_not_there(tmp_path: Path) -> None:
    save({"a": 1}, str(tmp_path / "A.JSON"))
    assert load(tmp_path / "A.JSON") == {"a": 1}
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "b.json")
    with pytest.raises(FileNotFoundError):
        save({}, tmp_path / "folder" / "b.json")


# ---- files that must not be trusted --------------------------------------------------------------


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_is_cut_off_or_changed(tmp_path: Path, ending: str) -> None:
    """Every beginning of a file, and every file with a changed bit, loads whole or not at all."""
    path = tmp_path / f"x{ending}"
    saved = {"weight": np.array([[1.5, 2.5]]), "step": 3}
    save(saved, path)
    content = path.read_bytes()
    for n in range(len(content)):
        path.write_bytes(content[:n])
        failure(path)
    for i, bit in itertools.product(range(len(content)), (0x04, 0x11)):
        path.write_bytes(content[:i] + bytes([content[i] ^ bit]) + content[i + 1 :])
        try:
            assert repr(load(path)) == repr(saved)
        except MicrogradError:
            failure(path)


def test_a_file_without_a_sum_and_one_that_was_edited(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(document("[0.1, -0.0, 1e400, {}]".replace("1e400", "Infinity")))
    assert repr(load(path)) == "[0.1, -0.0, inf, {}]"
    save([0.1, -0.0, math.inf, {}], path)
    told = json.loads(path.read_text())
    path.write_text(json.dumps(told, indent=1))  # the same numbers in another layout
    assert repr(load(path)) == "[0.1, -0.0, inf, {}]"
    path.write_text(json.dumps({**told, "content": [0.2]}))
    assert "was edited (then leave 'crc32' out)" in failure(path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_link_and_the_mode_of_a_file_stay(tmp_path: Path, ending: str) -> None:
    (tmp_path / "disk").mkdir()
    target, link = tmp_path / "disk" / f"a{ending}", tmp_path / f"latest{ending}"
    link.symlink_to(target)
    save({"a": 1}, link)
    target.chmod(0o600)
    save({"a": 2}, link)
    assert (link.is_symlink(), load(target), load(link)) == (True, {"a": 2}, {"a": 2})
    assert target.stat().st_mode & 0o777 == 0o600
    assert sorted(os.listdir(tmp_path)) == ["disk", link.name]
    assert os.listdir(tmp_path / "disk") == [target.name]


@in_any_folder
@given(content=st.binary(max_size=60), ending=st.sampled_from(ENDINGS))
def test_any_other_bytes(tmp_path: Path, content: bytes, ending: str) -> None:
    path = tmp_path / f"x{ending}"
    path.write_bytes(content)
    failure(path)


def document(content: str, version: object = VERSION) -> str:
    return f'{{"format": "micrograd", "version": {json.dumps(version)}, "content": {content}}}'


def array(numbers: str, dtype: str = "float64", shape: str = "[2]") -> str:
    return document(f'{{"$array": {numbers}, "dtype": "{dtype}", "shape": {shape}}}')


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("{}", "not a file of micrograd.save"),
        ("[1, 2]", "not a file of micrograd.save"),
        ('{"weight": [[1.0]]}', "not a file of micrograd.save"),
        ('{"format": "other", "version": 1}', "not a file of micrograd.save"),
        (document("1", version=2), "it has version 2, this program reads version 1"),
        (document("1", version="x" * 1000), "it has version 'xxx"),
        ('{"format": "micrograd", "version": 1}', "damaged"),
        (document('{"a": 1, "a": 2}'), "a name is there twice"),
        (document('{"$dict": [["a", 1], ["a", 2]]}'), "a name is there twice"),
        (document('{"$dict": [[[], 1]]}'), "damaged"),
        (document('{"$dict": 5}'), "damaged"),
        (document("[" * 100_000 + "]" * 100_000), "damaged"),
        (document('{"a":' * 100_000 + "1" + "}" * 100_000), "damaged"),
        (document("9" * 10_000), "damaged"),
        (array("[1.0]"), "has 1 numbers, and not those of its shape"),
        (array("[1.0]", shape="[1000000000000]"), "has 1 numbers"),
        (array("[]", shape="[0, 1e9]"), "has the shape"),
        (array("[]", shape=f"[0, {10**30}]"), "damaged"),
        (array("[1.0, 2.0]", shape="[-1, -2]"), "has the shape"),
        (array("[1.0, 2.0]", shape="2"), "damaged"),
        (array("[[1.0], [2.0, 3.0]]"), "damaged"),
        (array('["a", "b"]'), "damaged"),
        (array('["1.0", "2.0"]'), "holds what is not float64"),
        (array("[null, 2.0]"), "holds what is not float64"),
        (array(f"[{10**30}, 1]", dtype="int64"), "damaged"),
        (array("[[1.0], [2.0]]"), "has 2 numbers"),
        (array("[1.0, 2.0]", dtype="object"), "has the dtype 'object'"),
        (array("[1.0, 2.0]", dtype="O"), "has the dtype 'O'"),
        (array("[1.5, 2.0]", dtype="int64"), "holds what is not int64"),
        (array("[300, 2]", dtype="uint8"), "damaged"),
        (array("[-1, 2]", dtype="uint64"), "damaged"),
        (array("[1e300, 2]", dtype="float32"), "holds what is not float32"),
        (document('{"$array": [1.0]}'), "damaged"),
    ],
)
def test_json_that_is_not_ours(tmp_path: Path, text: str, wrong: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    assert wrong in failure(path)


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.path,)


def archive(path: Path, *members: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of duplicate names
        with zipfile.ZipFile(path, "w", compression) as file:
            for name, content in members:
                file.writestr(name, content)


def npy(header: str, body: bytes, version: bytes = b"\x01\x00") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text + body


def header(shape: str = "(1,)", descr: str = "'<f8'", order: str = "False") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}"


ONE = np.array([1.0]).tobytes()
NAMES_X = document('{"x": {"$array": "x.npy"}}').encode()


def object_array(path: Path) -> bytes:
    body = io.BytesIO()
    np.save(body, np.array([Bomb(path)], dtype=object), allow_pickle=True)
    return body.getvalue()


@pytest.mark.parametrize("pickled", ["member", "array", "document", "file"])
def test_a_pickle_is_never_opened(tmp_path: Path, pickled: str) -> None:
    path, touched = tmp_path / "x.npz", tmp_path / "touched"
    bomb = pickle.dumps(Bomb(touched))
    if pickled == "file":
        path.write_bytes(bomb)
    elif pickled == "document":
        archive(path, ("micrograd.json", bomb))
    else:
        body = bomb if pickled == "member" else object_array(touched)
        archive(path, ("micrograd.json", NAMES_X), ("x.npy", body))
    failure(path)
    assert not touched.exists()
    pickle.loads(bomb)
    assert touched.exists(), "the bomb would have worked"


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (npy(header("(10**12,)"), ONE), "damaged"),
        (npy(header("(1000000000000,)"), ONE), "has 8 bytes, and not those of its shape"),
        (npy(header(f"({2**62}, 4)"), b""), "has 0 bytes"),
        (npy(header(f"(0, {2**70})"), b""), "damaged"),
        (npy(header("(-1,)"), ONE), "has the shape"),
        (npy(header("(True,)"), ONE), "has the shape"),
        (npy(header("(2,)"), ONE), "has 8 bytes"),
        (npy(header(), ONE + ONE), "has 16 bytes"),
        (npy(header(order="True"), ONE), "not numbers in rows"),
        (npy(header(descr="'|O'"), ONE), "holds object"),
        (npy(header(descr="'<c16'"), ONE + ONE), "holds complex128"),
        (npy(header(descr="'<U2'"), ONE), "not numbers"),
        (npy(header(descr="[('a', '<f8')]"), ONE), "not numbers"),
        (npy(header(descr="'<f16'"), ONE + ONE), "not numbers"),
        (npy(header(), ONE, version=b"\x02\x00"), "another version of NumPy"),
        (npy("__import__('os').abort()", ONE), "damaged"),
        (npy("(" * 900, ONE), "damaged"),
        (npy("-" * 900 + "1", ONE), "damaged"),
        (npy(header() + " " * 20_000, ONE), "damaged"),
        (b"", "damaged"),
        (b"\x93NUMPY", "damaged"),
        (ONE, "damaged"),
    ],
)
def test_arrays_that_are_not_ours(tmp_path: Path, body: bytes, wrong: str) -> None:
    path = tmp_path / "x.npz"
    archive(path, ("micrograd.json", NAMES_X), ("x.npy", npy(header(), ONE)))
    assert load(path)["x"].tolist() == [1.0]
    archive(path, ("micrograd.json", NAMES_X), ("x.npy", body))
    assert wrong in failure(path)


def test_archives_that_are_not_ours(tmp_path: Path) -> None:
    path, good = tmp_path / "x.npz", ("x.npy", npy(header(), ONE))
    ours = ("micrograd.json", NAMES_X)
    np.savez(path, x=np.array([1.0]))
    assert "not a file of micrograd.save" in failure(path)
    archive(path, ours, good, good)
    assert "a name is there twice" in failure(path)
    archive(path, ours, ours, good)
    assert "a name is there twice" in failure(path)
    archive(path, ours)
    assert "damaged" in failure(path)
    archive(path, ours, good, ("y.npy", good[1]))
    assert "1 members that do not belong" in failure(path)
    archive(path, ("micrograd.json", document("[]", version=7).encode()))
    assert "it has version 7" in failure(path)
    archive(path, ("micrograd.json", document("[" * 10**5 + "]" * 10**5).encode()))
    assert "damaged" in failure(path)


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    bomb = npy(header(f"({10**7},)"), bytes(8 * 10**7))
    archive(path, ("micrograd.json", NAMES_X), ("x.npy", bomb), compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 200_000
    assert "compressed" in failure(path)


def test_sizes_that_an_archive_only_claims(tmp_path: Path) -> None:
    """The directory at the end says 3 GB; the bytes are not there."""
    path = tmp_path / "x.npz"
    archive(path, ("micrograd.json", NAMES_X), ("x.npy", npy(header(), ONE)))
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"PK\x01\x02")
    content[entry + 20 : entry + 28] = struct.pack("<II", 3 * 10**9, 3 * 10**9)
    path.write_bytes(content)
    assert "claims to hold more than it does" in failure(path)


def test_a_bad_file_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    model = nn.Linear(2, 1)
    before = model.state_dict()
    for state in ({"weight": np.ones((1, 2))}, {"weight": 1, "bias": 2}, [1], {"state": {0: 1.0}}):
        save(state, tmp_path / "x.npz")
        with pytest.raises(MicrogradError):
            model.load_state_dict(load(tmp_path / "x.npz"))
        assert same(model.state_dict(), before)


@pytest.mark.parametrize("squeezed", ["micrograd.json", "other"])
def test_a_single_compressed_member_is_refused(squeezed, tmp_path):
    save({"a": np.arange(40.0), "b": np.zeros(40)}, tmp_path / "whole.npz")
    with zipfile.ZipFile(tmp_path / "whole.npz") as whole:
        members = {name: whole.read(name) for name in whole.namelist()}
    names = [n for n in members if (n == "micrograd.json") == (squeezed == "micrograd.json")]
    with zipfile.ZipFile(tmp_path / "part.npz", "w") as part:
        for name, body in members.items():
            how = zipfile.ZIP_DEFLATED if name == names[0] else zipfile.ZIP_STORED
            part.writestr(name, body, how)
    with pytest.raises(MicrogradError, match="compressed"):
        load(tmp_path / "part.npz")
