"""Random windows of random locations with the targets of the teacher: labels alone."""

from __future__ import annotations

from stemdist_ray.baselines.method import Method, register_method
from stemdist_ray.baselines.random import random_windows

# The run gives the windows of method ``random`` the teacher's targets.
register_method(
    Method(
        name="random_teacher",
        summary="random windows of random locations, targets of the teacher",
        source="Qin et al., A Label is Worth a Thousand Images, NeurIPS 2024, arXiv:2406.10485",
        deviations="one set of targets per window, not one per epoch",
        uses_teacher=True,
        make=random_windows,
    )
)
