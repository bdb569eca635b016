"""Between NumPy and torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


def tensor_of(array: npt.NDArray[Any]) -> Tensor:
    """A tensor of the same numbers, sharing their memory where that is safe.

    Arrays from Ray's object store and from mapped files are read-only, which a tensor cannot be:
    those are copied.
    """
    whole = np.ascontiguousarray(array)
    return torch.from_numpy(whole if whole.flags.writeable else whole.copy())
