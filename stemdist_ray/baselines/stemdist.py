"""The library's own method; its steps are those of :mod:`stemdist_ray.distillation`."""

from __future__ import annotations

from stemdist_ray.baselines.method import OWN, Method, register_method

register_method(
    Method(
        name=OWN,
        summary="medoids of clusters, targets of the teacher; learned in rounds where asked for",
        source="STemDist, arXiv:2603.10410",
        deviations="base, teacher, medoids and unrolled objective; --preset paper is as published",
        uses_teacher=True,
    )
)
