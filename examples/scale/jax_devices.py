"""An exported function on eight devices, or on two processes: the samples are spread, nothing else.

    python examples/scale/jax_devices.py                 # eight devices of this machine
    python examples/scale/jax_devices.py --processes 2   # two processes, four devices each

Each device has an eighth of the samples and all of the parameters; XLA adds up the gradients.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import socket
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

DEVICES = 8


def main() -> None:
    """Train, and compare with one process."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--rank", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.processes > 1 and options.rank is None:
        sys.exit(started(options.processes))
    own = DEVICES // options.processes
    os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={own}"
    os.environ["JAX_PLATFORMS"] = "cpu"
    import jax

    jax.config.update("jax_enable_x64", True)
    if options.processes > 1:
        jax.distributed.initialize(
            f"127.0.0.1:{options.port}", options.processes, options.rank,
            local_device_ids=list(range(own)),
        )  # fmt: skip
    train(options.rank or 0)


def train(rank: int) -> None:
    """Fifty steps; the samples lie on the devices, and the code is as it was exported."""
    import jax
    from jax.sharding import Mesh, NamedSharding, PartitionSpec
    from network import RATE, STEPS, compare, exported, samples, saved

    with TemporaryDirectory() as folder:
        loss = module_at(saved("jax", Path(folder))).loss
    mesh = Mesh(jax.devices(), ("samples",))
    spread, everywhere = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in (("samples",), ()))
    x, y = (jax.make_array_from_callback(a.shape, spread, lambda at, a=a: a[at]) for a in samples())
    parameters = {
        name: jax.make_array_from_callback(p.shape, everywhere, lambda at, p=p: p[at])
        for name, p in exported("jax").parameters.items()
    }

    @jax.jit
    def step(parameters: Any, x: Any, y: Any) -> Any:
        gradient = jax.grad(loss)(parameters, x, y)
        return jax.tree.map(lambda p, g: p - RATE * g, parameters, gradient)

    for _ in range(STEPS):
        parameters = jax.block_until_ready(step(parameters, x, y))  # a few cores for all devices
    pieces = len(x.sharding.device_set)
    where = f"JAX, {jax.process_count()} processes, {pieces} devices"
    if rank == 0:
        compare({name: p.addressable_data(0) for name, p in parameters.items()}, where)


def module_at(path: Path) -> Any:
    """A file as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def started(processes: int) -> int:
    """Run this file in so many processes, which find each other on this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    given = [sys.executable, __file__, "--processes", str(processes), "--port", port, "--rank"]
    running = [subprocess.Popen([*given, str(rank)]) for rank in range(processes)]
    try:
        return max(abs(process.wait(timeout=300)) for process in running)
    finally:
        for process in running:
            process.kill()


if __name__ == "__main__":
    main()
