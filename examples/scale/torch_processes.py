"""An exported module of torch in two processes, with DistributedDataParallel.

    python examples/scale/torch_processes.py
    python examples/scale/torch_processes.py --compile   # the module through torch.compile

Each process has half of the samples; DistributedDataParallel takes the mean of the gradients.
With a GPU for each process they are used, and without one the CPU.
"""

from __future__ import annotations

import argparse
import socket
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from jax_devices import module_at
from network import RATE, STEPS, compare, exported, samples, saved

PROCESSES = 2


def main() -> None:
    """Train, and compare with one process."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--compile", action="store_true", help="through torch.compile")
    options = parser.parse_args()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with TemporaryDirectory() as folder:
        path = saved("torch", Path(folder))
        arrays = exported("torch").parameters
        mp.spawn(train, (port, path, arrays, options.compile), nprocs=PROCESSES)


def train(rank: int, port: int, path: Path, arrays: dict[str, Any], compiled: bool) -> None:
    """One of the processes: its samples, and gradients that are shared at every step."""
    gpu = torch.cuda.device_count() >= PROCESSES
    device = torch.device("cuda", rank) if gpu else torch.device("cpu")
    if rank == 0 and not gpu:
        print("no GPU for each process: on the CPU")
    dist.init_process_group(
        "nccl" if gpu else "gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=PROCESSES
    )
    module = module_at(path).MeanSquaredError()
    module.load_state_dict({name: torch.tensor(p) for name, p in arrays.items()})
    module = module.to(device)
    model: Any = torch.nn.parallel.DistributedDataParallel(module)
    if compiled:
        model = torch.compile(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    x, y = (torch.tensor(a[rank::PROCESSES], device=device) for a in samples())
    for _ in range(STEPS):
        optimizer.zero_grad()
        model(x, y).backward()
        optimizer.step()
    if rank == 0:
        last = {name: p.detach().cpu().numpy() for name, p in module.named_parameters()}
        compare(last, f"torch, {PROCESSES} processes" + ", compiled" * compiled)
    dist.destroy_process_group()


if __name__ == "__main__":
    sys.exit(main())
