"""What fitting the linear base costs: seconds, and memory beyond the series."""

from __future__ import annotations

import time
from dataclasses import dataclass

from stemdist_ray.config import DataConfig
from stemdist_ray.data.prepared import prepare_source
from stemdist_ray.forecasters.closed_form.fit_base import fit_base
from stemdist_ray.progress import Reporter
from stemdist_ray.system.memory import PeakMemory

LARGE = "sim:traffic?locations=8600,steps=2000,seed=0,missing=0"


@dataclass(frozen=True)
class BaseResult:
    """What the fit took, in this process.

    Args:
        source: The series.
        series_mib: Of its scaled readings.
        seconds: Of the fit.
        beyond_mib: Peak memory of the fit above what the process held before.
        base_kib: Of the base.
    """

    source: str
    series_mib: float
    seconds: float
    beyond_mib: float
    base_kib: float


def run_base(source: str, reporter: Reporter) -> BaseResult:
    """Fit the base of a source, all blocks in this process, one after the other."""
    reporter.say(f"preparing {source}")
    prepared = prepare_source(source, DataConfig())
    with PeakMemory() as before:
        pass
    begun = time.perf_counter()
    with PeakMemory() as memory:
        fitted = fit_base(prepared, "seasonal_linear", seed=0)
    return BaseResult(
        source=source,
        series_mib=prepared.windows.inputs.nbytes / 2**20,
        seconds=time.perf_counter() - begun,
        beyond_mib=memory.peak_mib - before.peak_mib,
        base_kib=fitted.model.num_bytes / 2**10,
    )
