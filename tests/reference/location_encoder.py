"""The location encoders written the plain way: one location after the other."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from tests.reference.plain_layers import affine


def layer_norm(norm, vector):
    centred = vector - vector.sum() / len(vector)
    variance = (centred**2).sum() / len(vector)
    return norm.weight * centred / torch.sqrt(variance + 1e-5) + norm.bias


def embed(encoder, mean_window):
    """(N, L, F) mean windows to (N, R) embeddings with the weights of a library encoder."""
    hidden = [torch.relu(affine(encoder.input_projection, w.flatten())) for w in mean_window]
    rows = []
    for own in hidden:
        if hasattr(encoder, "query"):
            query = affine(encoder.query, own)
            keys = [affine(encoder.key, other) for other in hidden]
            scores = torch.stack([query @ key / len(key) ** 0.5 for key in keys])
            values = torch.stack([affine(encoder.value, other) for other in hidden])
            mixed = affine(encoder.mix, F.softmax(scores, dim=0) @ values)
        else:
            mixed = torch.relu(affine(encoder.mix, own))
        rows.append(affine(encoder.output_projection, layer_norm(encoder.norm, own + mixed)))
    return torch.stack(rows)
