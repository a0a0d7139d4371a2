"""Attacks with random input: on files, command lines, labels and the environment.

Each is a function of a random generator, and raises an AssertionError for what may not happen.
`test_fuzz.py` tries some of each in every run; `make fuzz` goes on for as long as one likes:

    python tests/fuzzing.py --minutes 60
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
import traceback
import tracemalloc
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock
from xml.sax.saxutils import escape

import viz
from micrograd import MicrogradError, Value, load, nn, optim, record_step, save
from micrograd.commands import cli, compare, train

ROOT = Path(__file__).parents[1]
MOST_MEMORY = 64 << 20  # bytes, to read a file of some thousand
ACTIVE = ("script", "foreignObject", "image", "use", "iframe", "style")
SVG = "{http://www.w3.org/2000/svg}"

Attack = Callable[[random.Random], None]


# ---- files -------------------------------------------------------------------------------------


def state(rng: random.Random) -> Any:
    """Something that can be saved."""
    model = nn.Sequential(nn.Linear(rng.randint(1, 4), 3), nn.Tanh(), nn.Linear(3, 1))
    adam = optim.Adam(model.parameters(), lr=0.1)
    return {"model": model.state_dict(), "optimizer": adam.state_dict(), "n": [1, (2.5, None)]}


def mutated(rng: random.Random, content: bytes) -> bytes:
    """Bytes with a few changes: flipped, cut, doubled, or taken from what means something."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.choice([1, 2, 8, 64, 1000]))
        match rng.randrange(6):
            case 0 if at < len(data):
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                del data[at:end]
            case 2:
                data[at:at] = data[at:end]
            case 3:
                data[at:end] = rng.randbytes(end - at)
            case 4:
                data[at:at] = rng.choice(MEANINGFUL)
            case _:
                data[at:end] = rng.choice(MEANINGFUL)
    return bytes(data)


MEANINGFUL = [
    b"\x80\x04cos\nsystem\n", b"NaN", b"1e999", b"-1", b"18446744073709551616", b"[" * 500,
    b'"$array"', b'{"$dict": [[', b'"dtype": "object"', b"PK\x03\x04", b"\x93NUMPY\x01\x00",
    b"\xff\xff\xff\xff", b"\x00", b"../../evil", b'"shape": [1000000000000]', b"null", b"\\u0000",
    b"'descr': '|O'", b"(1000000000,)", b"\xed\xa0\x80",
]  # fmt: skip


def damaged_files(rng: random.Random) -> None:
    """What is read is whole, or refused in one line; nothing runs, little memory is taken."""
    ending = rng.choice(["json", "npz"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"state.{ending}"
        save(state(rng), path)
        path.write_bytes(mutated(rng, path.read_bytes()))
        with (
            mock.patch("pickle.loads", side_effect=AssertionError("a pickle was read")),
            mock.patch("os.system", side_effect=AssertionError("a program was run")),
        ):
            tracemalloc.start()
            try:
                load(path)
                said = str(path)
            except MicrogradError as error:
                said = str(error)
            finally:
                _, peak = tracemalloc.get_traced_memory()
                tracemalloc.stop()
        assert "\n" not in said, said
        assert str(path) in said, said
        assert peak < MOST_MEMORY, f"{peak} bytes of memory"
        assert os.listdir(folder) == [path.name]


# ---- command lines -----------------------------------------------------------------------------

WORDS = [
    "0", "1", "2", "3", "-1", "-0.0", "1e-3", "-1e-3", "1e400", "nan", "inf", "-inf", "1_000",
    "0x10", "٣", "½", "1,2", "", " ", "-",
    "--", "---", "=", "x", "NaN", "1e", "99999999999999999999",
    "a\0b",
    "\n", "\x1b[31m", "‮", "\ud800", "%s%n", "{0}", "'", '"', "$(id)", "../..", "/dev/null",
    "/proc/self/mem", "none.json", ".", "zh", "en", "svg", "dot", "svg,", ",", "adam", "sgd",
    "tanh",
    "mse", "--help", "--version", "-h", "🙂" * 50, "9" * 5000, "--out=", "--lr=", "--x",
]  # fmt: skip


def arguments(rng: random.Random) -> list[str]:
    """An argument list: some that make sense, with some that make none."""
    parser = cli._parser()
    (commands,) = [a.choices for a in parser._actions if isinstance(a.choices, dict)]
    name = rng.choice([*commands, *commands, rng.choice(WORDS)])
    given = [name]
    options = list(commands[name]._option_string_actions) if name in commands else ["--x"]
    for _ in range(rng.randint(0, 5)):
        given.append(rng.choice(options) if rng.random() < 0.8 else rng.choice(WORDS))
        given += [rng.choice(WORDS) for _ in range(rng.choice([0, 1, 1, 1, 2]))]
    if rng.random() < 0.1:
        rng.shuffle(given)
    return given


def _nothing_slow(given: list[str]) -> bool:
    """Whether it draws no picture, opens no browser, and is no step of a large network."""
    return "--open" not in given and not any(re.fullmatch(r"9+|1_000", text) for text in given)


def command_lines(rng: random.Random) -> None:
    """The status is 0 or 2 and what is wrong is said in one line; never a traceback."""
    given = arguments(rng)
    if not _nothing_slow(given):
        return
    if given[0] == "step" and "--format" not in given:
        given += ["--format", "dot"]  # drawn by nobody
    out, err = io.StringIO(), io.StringIO()
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as around:
        os.chdir(folder)
        around.callback(os.chdir, before)
        for module in (train, compare):  # trained and drawn elsewhere; here options are read
            around.enter_context(mock.patch.object(module, "run", return_value=None))
        around.enter_context(mock.patch("webbrowser.open", return_value=True))
        around.enter_context(contextlib.redirect_stdout(out))
        around.enter_context(contextlib.redirect_stderr(err))
        try:
            status = cli.main(given)
        except SystemExit as stop:
            status = stop.code  # type: ignore[assignment]
        except Exception as error:
            raise AssertionError(f"{given!r}: {traceback.format_exc()}") from error
    said = err.getvalue()
    assert status in (0, 2), (given, status)
    if status == 2:
        assert said.startswith("micrograd"), (given, said)
        assert said.endswith("\n"), (given, said)
        assert said.count("\n") == 1, (given, said)
    assert "Traceback" not in said, (given, said)


# ---- labels ------------------------------------------------------------------------------------

ODD = [
    "<b>", "&amp;", "]]>", "<script>alert(1)</script>", '"', "'", "\\", "\\N", "\\n", "\n", "\t",
    "\0", "\x1b", "\x7f", "�", "￿", "\ud800",
    "🙂", "👩‍👩‍👧", "e\u0301", "‮abc", "\u200b", "汉字", "עברית",
    "{a|b}", "<TABLE>", "<IMG SRC='/etc/passwd'/>", "xlink:href", "%s", "$x$", "--", "->", ";",
    "a" * 300,
]  # fmt: skip


def label(rng: random.Random) -> str:
    """A name that nobody should give."""
    parts = [rng.choice(ODD) if rng.random() < 0.7 else _random_text(rng) for _ in range(3)]
    return "".join(parts[: rng.randint(1, 3)])


def _random_text(rng: random.Random) -> str:
    point = lambda: rng.choice([rng.randrange(0x20), rng.randrange(0x250), rng.randrange(0x110000)])  # noqa: E731
    return "".join(chr(point()) for _ in range(rng.randint(1, 8)))


def labels(rng: random.Random) -> None:
    """A picture with any names is well formed and refers to nothing, or the name is refused."""
    a, b = Value(2.0, label=label(rng)), Value(-1.5, label=label(rng))
    y = (a * b + a).tanh()
    y.label = label(rng)
    if rng.random() < 0.5:
        y.backward()
    try:
        if rng.random() < 0.8:
            text = viz.op_graph(y).svg()
        else:
            sgd = optim.SGD([a, b], lr=0.1)
            loss = lambda out, y: (out - y) ** 2  # noqa: E731
            step = record_step(lambda x: (a * x + b).tanh(), loss, sgd, 0.5, 1.0)
            text = viz.gradient_diagram(step).svg()
    except MicrogradError as error:
        text = f"<svg>{escape(str(error))}</svg>"
    check_svg(text)


def check_svg(text: str) -> None:
    """Well formed, with nothing in it that a reader would load or run."""
    root = ElementTree.fromstring(text.encode("utf-8"))
    for element in root.iter():
        assert element.tag.removeprefix(SVG) not in ACTIVE, text
        for name, value in element.attrib.items():
            assert not name.lower().startswith("on"), (name, value)
            if name.rpartition("}")[2] == "href":
                assert value.startswith("#"), (name, value)


# ---- the environment ---------------------------------------------------------------------------


def environments(rng: random.Random) -> None:
    """Without a home, with odd locales, on a full disk: the work is done, or one line says why."""
    with tempfile.TemporaryDirectory() as folder:
        keep = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "SYSTEMROOT")
        environment = {k: v for k, v in os.environ.items() if k in keep}
        # On a full disk Python leaves half of a .pyc behind, for everybody after it.
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), environment.get("PYTHONPATH", "")])
        odd: dict[str, list[str | None]] = {
            "HOME": [None, "/nowhere", folder, ""],
            "LC_ALL": [None, "C", "POSIX", "xx_YY.nonsense", "tr_TR.UTF-8", "zh_CN.GB18030"],
            "PYTHONIOENCODING": [None, "ascii", "latin-1", "utf-16"],
            "TMPDIR": [None, "/nowhere", folder],
            "MPLCONFIGDIR": [None, "/nowhere", "/dev/null"],
            "TERM": [None, "dumb"], "COLUMNS": [None, "1", "x"], "NO_COLOR": [None, "1"],
            "PYTHONUTF8": [None, "0", "1"], "XDG_CACHE_HOME": [None, "/dev/null"],
        }  # fmt: skip
        for name, choices in odd.items():
            value = rng.choice(choices)
            if value is not None:
                environment[name] = value
        small = ["--epochs", "1", "--samples", "8", "--test-samples", "2"]
        command = rng.choice([
            ["info"], ["step", "--format", "svg"], ["step", "--format", "dot", "--language", "zh"],
            ["train", *small], ["train", "--language", "zh", *small],
        ])  # fmt: skip
        if command != ["info"]:
            command = [*command, "--out", os.path.join(folder, "out")]
        full = rng.random() < 0.4
        done = subprocess.run(
            [sys.executable, "-m", "micrograd", *command],
            stdin=rng.choice([subprocess.DEVNULL, subprocess.PIPE]),
            capture_output=True, cwd=folder, env=environment, check=False, timeout=300,
            preexec_fn=_full_disk if full else None,
        )  # fmt: skip
        said = done.stderr.decode("utf-8", "replace")
        where = (command, environment, full, done.returncode, said[-2000:])
        assert "Traceback" not in said, where
        assert done.returncode in (0, 2), where
        files = os.listdir(os.path.join(folder, "out")) if "out" in os.listdir(folder) else []
        assert not any(name.startswith(".") for name in files), (where, files)
        if done.returncode == 2:
            assert files == [], (where, files)


def _full_disk() -> None:
    """No file may grow beyond a kilobyte: what a full disk does, seen from the program."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))


# ---- all of them -------------------------------------------------------------------------------

ATTACKS: dict[str, tuple[Attack, int]] = {  # how many of a round: by what each costs
    "files": (damaged_files, 200),
    "command lines": (command_lines, 500),
    "labels": (labels, 10),
    "environment": (environments, 2),
}


def attacked(name: str, seeds: Iterator[int] | range) -> int:
    """Run an attack with each seed; how many there were. A failure names its seed."""
    attack, count = ATTACKS[name][0], 0
    for seed in seeds:
        try:
            attack(random.Random(f"{name} {seed}"))
        except AssertionError as error:
            raise AssertionError(f"{name}, seed {seed}: {error}") from error
        count += 1
    return count


def main() -> int:
    """Attack until the time is over; one line for each minute."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    end, counts, start = time.monotonic() + 60 * options.minutes, Counter[str](), options.seed
    said = 0.0
    while time.monotonic() < end:
        for name, (_, many) in ATTACKS.items():
            counts[name] += attacked(name, range(start, start + many))
            start += many
        if time.monotonic() - said > 60:
            said = time.monotonic()
            print(dict(counts), f"seeds from {options.seed}", flush=True)
    print("nothing was found:", dict(counts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
