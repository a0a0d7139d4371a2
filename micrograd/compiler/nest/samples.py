"""Which samples of a batch a sequence is run for, and when."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SampleGroups:
    """Samples of a batch, `lanes` at a time: nests from `first` on and the sequence run for each.

    What the sequence calls a number is then a row of `lanes` numbers of work, one for each sample;
    its arrays, like the nests, have an axis of lanes. For group k arguments begin at sample
    `start(k)`. If the lanes do not divide the samples, the last `over` lanes of the first group
    have samples that the second has, too.
    """

    samples: int
    lanes: int
    first: int

    @property
    def count(self) -> int:
        """How many groups there are."""
        return -(-self.samples // self.lanes)

    @property
    def over(self) -> int:
        """How many lanes there are more than samples."""
        return self.count * self.lanes - self.samples

    def start(self, k: int) -> int:
        """The first sample of a group."""
        return max(0, k * self.lanes - self.over)
