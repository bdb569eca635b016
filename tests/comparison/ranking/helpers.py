"""A small ranking whose numbers are easy to follow."""

import math

from stemdist_ray.comparison.ranking.cells import Cell
from stemdist_ray.comparison.ranking.configurations import Configuration
from stemdist_ray.comparison.ranking.result import Ranking, rank_all
from stemdist_ray.config import ForecasterConfig

NAMES = ("stid", "dlinear", "stnorm", "mtgnn")
CONFIGURATIONS = tuple(Configuration(n, ForecasterConfig(name=n), 1e-3) for n in NAMES)
TRUTH = (0.5, 0.6, 0.7, 0.8)
ORDERS = {
    "distilled": (0.55, 0.66, 0.77, 0.88),
    "random_subset": (0.9, 0.7, 0.8, math.inf),
    "full_data": (0.51, 0.61, 0.71, 0.81),
}


def cells(repeats=2):
    found = []
    for trained_on, errors in ORDERS.items():
        for repeat in range(repeats):
            for name, error, truth in zip(NAMES, errors, TRUTH, strict=True):
                full = trained_on == "full_data"
                seconds = 10.0 if full else 1.0
                failed = None if math.isfinite(error) else "diverged"
                test = truth if full else None
                found.append(
                    Cell(trained_on, name, repeat, error, test, seconds, seconds, failed=failed)
                )
    return found


def ranking(repeats=2):
    own, ahead = cells(repeats), {"distilled": 6.0, "random_subset": 0.0, "full_data": 0.0}
    ranked = rank_all(own, CONFIGURATIONS, list(ORDERS), ahead, resamples=50, seed=0, finalists=2)
    return Ranking(ranked, CONFIGURATIONS, tuple(own), "network_alone", 0, repeats, 2, "somewhere")
