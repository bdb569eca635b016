"""Whole jobs: distil, evaluate. Command line, job scripts and sweeps call these."""

from stemdist_ray.comparison.ranking.result import Ranking
from stemdist_ray.comparison.table import CrossEvaluation, Evaluation
from stemdist_ray.pipeline.cross_job import evaluate_forecasters
from stemdist_ray.pipeline.distill_job import DistillResult, distill
from stemdist_ray.pipeline.evaluate_job import evaluate
from stemdist_ray.pipeline.rank_job import rank
from stemdist_ray.pipeline.train_job import TrainResult, train_forecaster

__all__ = [
    "CrossEvaluation",
    "DistillResult",
    "Evaluation",
    "Ranking",
    "TrainResult",
    "distill",
    "evaluate",
    "evaluate_forecasters",
    "rank",
    "train_forecaster",
]
