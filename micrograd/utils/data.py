"""Data sets, and loaders that hand them out in batches: `torch.utils.data`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, chain
from typing import Any

import numpy as np

from micrograd.errors import ArgumentTypeError, ArgumentValueError
from micrograd.tensors.generator import DEFAULT, Generator
from micrograd.tensors.shapes import stack
from micrograd.tensors.tensor import Tensor, tensor


class Dataset:
    """Base of data sets: a subclass has `__getitem__` and `__len__`."""

    def __class_getitem__(cls, kind: Any) -> Any:
        return cls

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define __getitem__")

    def __add__(self, other: Any) -> ConcatDataset:
        return ConcatDataset([self, other])


class TensorDataset(Dataset):
    """The rows of several arrays, together.

    >>> from micrograd import tensor
    >>> TensorDataset(tensor([1.0, 2.0]), tensor([0, 1]))[1]
    (tensor(2.), tensor(1))
    """

    def __init__(self, *tensors: Tensor) -> None:
        if len({len(x) for x in tensors}) > 1:
            raise ArgumentValueError(
                "the arrays must have equally many rows, got the shapes "
                + ", ".join(str(tuple(x.shape)) for x in tensors)
            )
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(x[index] for x in self.tensors)

    def __len__(self) -> int:
        return len(self.tensors[0])


class Subset(Dataset):
    """The items of a data set with these indices."""

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset, self.indices = dataset, indices

    def __getitem__(self, index: int) -> Any:
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)


class ConcatDataset(Dataset):
    """Data sets one after the other."""

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        self.cumulative_sizes = list(accumulate(len(d) for d in self.datasets))

    def __getitem__(self, index: int) -> Any:
        index = range(len(self))[index]
        k = next(k for k, end in enumerate(self.cumulative_sizes) if index < end)
        return self.datasets[k][index - ([0, *self.cumulative_sizes])[k]]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]


def random_split(
    dataset: Any, lengths: Sequence[float], generator: Generator | None = None
) -> list[Subset]:
    """Parts of these lengths, or fractions, of a data set in a random order.

    Raises an ArgumentValueError unless they sum to its length, or to 1.
    """
    n = len(dataset)
    counts = [int(x) for x in lengths]
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1 + 1e-9 and max(lengths) <= 1:
        counts = [math.floor(n * x) for x in lengths]
        for k in range(n - sum(counts)):
            counts[k % len(counts)] += 1
    if sum(counts) != n:
        raise ArgumentValueError(
            f"lengths must sum to {n}, the length of the data set, or be fractions that sum to 1, "
            f"got {list(lengths)}"
        )
    order = (generator or DEFAULT).permutation(n)
    ends = list(accumulate(counts))
    return [Subset(dataset, order[b - n : b]) for b, n in zip(ends, counts, strict=True)]


# ---- in which order ----------------------------------------------------------------------------


class Sampler:
    """Base of what gives the indices of a data set in an order."""

    def __init__(self, data_source: Any = None) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} does not define __iter__")


class SequentialSampler(Sampler):
    """One after the other."""

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler):
    """In a random order, torch's after `manual_seed`: each once, or with `replacement` any of them.

    `num_samples` says how many; each is given again once all have been.
    """

    def __init__(
        self, data_source: Any, replacement: bool = False, num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:  # fmt: skip
        super().__init__(data_source)
        if num_samples is not None and (not isinstance(num_samples, int) or num_samples < 1):
            raise ArgumentValueError(
                f"num_samples must be a whole number from 1, got {num_samples!r}"
            )
        self.replacement, self._wanted, self.generator = replacement, num_samples, generator

    @property
    def num_samples(self) -> int:
        """How many indices it gives."""
        return len(self.data_source) if self._wanted is None else self._wanted

    def __len__(self) -> int:
        return self.num_samples

    def __iter__(self) -> Iterator[int]:
        source = self.generator or Generator().manual_seed(DEFAULT.seed_word())
        n = len(self.data_source)
        if self.replacement:
            yield from source.integers(self.num_samples, 0, n).tolist()
            return
        for _ in range(self.num_samples // n if n else 0):
            yield from source.permutation(n)
        yield from source.permutation(n)[: self.num_samples % n if n else 0]  # torch draws it, too


class SubsetRandomSampler(Sampler):
    """These indices in a random order."""

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        super().__init__(indices)
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        order = (self.generator or DEFAULT).permutation(len(self))
        return (self.data_source[k] for k in order)

    def __len__(self) -> int:
        return len(self.data_source)


def default_collate(items: Sequence[Any]) -> Any:
    """One batch of several items: numbers and arrays stacked, tuples and dicts part by part."""
    first = items[0]
    if isinstance(first, Tensor):
        return stack(items)
    if isinstance(first, np.ndarray | np.generic):
        return tensor(np.stack(items))
    if isinstance(first, bool | int | float):
        return tensor(list(items))
    if isinstance(first, dict):
        return {key: default_collate([item[key] for item in items]) for key in first}
    if isinstance(first, tuple | list):
        return [default_collate(part) for part in zip(*items, strict=True)]
    return list(items)


class DataLoader:
    """Hands out the items of a data set in batches of `batch_size`, in a new order if `shuffle`.

    After `manual_seed` the orders are those of torch. The last batch may be smaller; `drop_last`
    leaves it out. `batch_size` None gives single items. `num_workers`, `pin_memory` and others
    that make torch faster are accepted and mean nothing.

    >>> from micrograd import arange
    >>> [batch.tolist() for batch in DataLoader(arange(3), batch_size=2)]
    [[0, 1], [2]]
    """

    def __init__(
        self, dataset: Any, batch_size: int | None = 1, shuffle: bool | None = False,
        sampler: Any = None, batch_sampler: Any = None, num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None, pin_memory: bool = False,
        drop_last: bool = False, generator: Generator | None = None, **faster: Any,
    ) -> None:  # fmt: skip
        if batch_size is not None and (not isinstance(batch_size, int) or batch_size < 1):
            raise ArgumentValueError(
                f"batch_size must be None or a whole number from 1, got {batch_size!r}"
            )
        if shuffle and sampler is not None:
            raise ArgumentValueError("shuffle and sampler cannot be given together")
        if not hasattr(dataset, "__getitem__"):
            raise ArgumentTypeError(
                f"dataset must have __getitem__ and __len__, got {type(dataset).__name__}"
            )
        self.dataset, self.batch_size, self.drop_last = dataset, batch_size, drop_last
        self.num_workers, self.pin_memory, self.generator = num_workers, pin_memory, generator
        self.collate_fn = collate_fn or default_collate
        order = (
            RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        )
        self.sampler = order if sampler is None else sampler
        self.batch_sampler = batch_sampler

    def __len__(self) -> int:
        """The number of batches."""
        if self.batch_sampler is not None:
            return len(self.batch_sampler)
        n = len(self.sampler) / (self.batch_size or 1)
        return math.floor(n) if self.drop_last else math.ceil(n)

    def __iter__(self) -> Iterator[Any]:
        (self.generator or DEFAULT).seed_word()  # torch draws one for its workers
        return self._items(iter(self.batch_sampler or self.sampler))

    def _items(self, order: Iterator[Any]) -> Iterator[Any]:
        if self.batch_sampler is not None:
            for indices in order:
                yield self.collate_fn([self.dataset[i] for i in indices])
        elif self.batch_size is None:
            for i in order:
                yield self.dataset[i]
        else:
            for first in order:
                rest = (i for _, i in zip(range(self.batch_size - 1), order, strict=False))
                items = [self.dataset[i] for i in chain([first], rest)]
                if len(items) == self.batch_size or not self.drop_last:
                    yield self.collate_fn(items)
