"""Rows of the op table as numbers, and the types of the arrays that passes hand to each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from micrograd.ops import OPS

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

ROWS = list(OPS)
ROW_INDEX = {name: i for i, name in enumerate(ROWS)}
NONE = -1  # in place of a node or an address where there is none
