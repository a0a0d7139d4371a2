"""The words of the plots, in one table, so that another language is another column."""

from __future__ import annotations

ENGLISH = {
    "loss": "loss",
    "loss (log scale)": "loss (log scale)",
    "epoch": "epoch",
    "epochs": "epochs",
    "step": "step",
    "data seen": "data seen before the step (epochs)",
    "losses title": "Loss in each epoch",
    "one loss title": "Loss in each epoch: {name}",
    "steps title": "Loss of each step's batch, and its running mean",
    "each step": "thin: each step",
    "each step on log": "thin: each step (lowest 5 % may be cut)",
    "mean of steps": "{name}: mean of {n} steps",
    "every step": "{name}: each step",
    "too large": "{n} of {all} nan or beyond ±1e100: gap",
    "too small": "{n} of {all} below 1e-100: gap",
    "paths title": "The way down a narrow valley, L(a, b) = ({c1:g} a² + {c2:g} b²) / 2",
    "path result": "{name}\nL = {loss:.2g} after {n} steps",
    "path diverged": "{name}\ndiverged: L rose",
    "start": "start",
    "minimum": "minimum",
    "one step": "each step",
    "same loss": "equal loss",
    "loss of all": "The loss on each path",
    "factors title": "Step per unit of gradient and of learning rate, under a constant gradient",
    "factors SGD": "SGD: always 1",
    "factors Adagrad": "Adagrad: keeps shrinking",
    "factors RMSprop": "RMSprop: levels off",
    "factor": "|Δp| / (lr |g|), log scale",
    "gradient of": "parameter with gradient {slope:g}",
    "regions title": "Decision regions: {right} of {all} samples classified correctly",
    "first feature": "feature x₀",
    "second feature": "feature x₁",
    "class": "class {label:g}",
    "boundary": "boundary: score 0",
    "comparison title": "Optimisers compared",
    "final loss": "Loss after the last epoch",
    "epochs to reach": "Epochs until loss ≤ {target:.3g}",
    "not reached": "not reached",
    "undefined": "not a number",
}


def words(key: str, **fields: object) -> str:
    """A title or label, with its {fields} filled in.

    >>> words("gradient of", slope=10.0)
    'parameter with gradient 10'
    """
    return ENGLISH[key].format(**fields)
