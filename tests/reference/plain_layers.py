"""Linear layers applied the plain way."""

from __future__ import annotations

from torch.nn import functional as F


def affine(linear, vector):
    """One vector."""
    return linear.weight @ vector + linear.bias


def convolve_pointwise(linear, x):
    """(W, C, N, T), as a convolution whose kernel covers one location and step."""
    return F.conv2d(x, linear.weight[:, :, None, None], linear.bias)
