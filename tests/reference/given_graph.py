"""The three forecasters that take a graph, with it, written with full matrices."""

from __future__ import annotations

import numpy as np
import torch


def transitions(weights, direction):
    """Entry by entry: the probability that a walk at i goes on to j."""
    weights = {
        "forward": weights,
        "backward": weights.T,
        "both": weights + weights.T,
    }[direction].astype(np.float64)
    out = np.zeros_like(weights)
    for i, row in enumerate(weights):
        for j, weight in enumerate(row):
            if weight > 0:
                out[i, j] = weight / row.sum()
    return torch.tensor(out)


def mixture(own, weights, share):
    """The adaptive matrix, and at locations with edges as much of the given one as its share."""
    given, out = transitions(weights, "both"), []
    for mine, theirs in zip(own, given, strict=True):
        out.append((1 - share) * mine + share * theirs if theirs.sum() > 0 else mine)
    return torch.stack(out)


def mtgnn_edges(strength, weights, factor, top_k, saturation):
    """MTGNN's edges where the given ones, relative to the strongest of a row, are added."""
    edges = torch.zeros_like(strength)
    for i, row in enumerate(weights):
        most = row.max()
        for j, weight in enumerate(row):
            if weight > 0:
                strength[i, j] = strength[i, j] + factor * float(weight / most)
        for j in strength[i].topk(min(top_k, len(row))).indices:
            edges[i, j] = torch.relu(torch.tanh(saturation * strength[i, j]))
    return edges
