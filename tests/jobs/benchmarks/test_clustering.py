import dataclasses

import numpy as np
import pytest

from jobs.benchmarks.clustering import (
    COMPARED,
    YEAR,
    ClusteringCase,
    run_clustering,
    simulated,
)
from stemdist_ray.progress import SilentReporter

SMALL = ClusteringCase(60, 300, 6, 20, compare=True)


def test_sizes_are_those_that_matter():
    assert YEAR.locations * YEAR.steps * 4 == pytest.approx(1.2e9, rel=0.01)
    assert COMPARED.compare
    assert not YEAR.compare


def test_simulated_series_has_kinds_of_locations():
    values = simulated(SMALL).inputs[:, :, 0]
    assert values.dtype == np.float32
    same, other = np.corrcoef(values[:, 0], values[:, 6]), np.corrcoef(values[:, 0], values[:, 1])
    assert same[0, 1] > 0.5
    assert same[0, 1] > other[0, 1]


@pytest.mark.slow  # four fresh processes
def test_both_ways_agree():
    result = run_clustering(SMALL, SilentReporter())
    assert result.same_labels
    assert result.inertia == pytest.approx(result.flat_inertia, rel=1e-4)
    assert min(result.seconds, result.flat_seconds) > 0
    assert min(result.peak_mib, result.flat_peak_mib) >= result.idle_mib > 50


@pytest.mark.slow
def test_one_way_alone():
    case = dataclasses.replace(SMALL, compare=False)
    result = run_clustering(case, SilentReporter())
    assert result.flat_seconds is None
    assert result.same_labels is None
