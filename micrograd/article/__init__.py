"""The article's networks and data, and its methods side by side.

>>> from micrograd import article
>>> article.X, article.Y, len(article.network().parameters())
(((2.0,),), ((4.0,),), 4)
"""

from micrograd.article.networks import (
    ACTIVATIONS,
    DEEP_SIZES,
    LEARNING_RATE,
    LOSSES,
    OPTIMIZERS,
    PARAMETERS,
    SIZES,
    STARTS,
    Network,
    X,
    Y,
    deep_network,
    network,
)

__all__ = [
    "ACTIVATIONS",
    "DEEP_SIZES",
    "LEARNING_RATE",
    "LOSSES",
    "OPTIMIZERS",
    "PARAMETERS",
    "SIZES",
    "STARTS",
    "Network",
    "X",
    "Y",
    "deep_network",
    "network",
]
