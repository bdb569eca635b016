"""Whole jobs: distil, evaluate. Command line, job scripts and sweeps call these."""

from stemdist_ray.pipeline.cross_job import CrossEvaluation, evaluate_forecasters
from stemdist_ray.pipeline.distill_job import DistillResult, distill
from stemdist_ray.pipeline.evaluate_job import EvaluationResult, evaluate

__all__ = [
    "CrossEvaluation",
    "DistillResult",
    "EvaluationResult",
    "distill",
    "evaluate",
    "evaluate_forecasters",
]
