from jobs.benchmarks.base import run_base
from stemdist_ray.progress import SilentReporter


def test_seconds_and_memory_of_a_fit():
    result = run_base("sim:traffic?locations=20,steps=400,missing=0", SilentReporter())
    assert result.seconds > 0
    assert result.base_kib > 0
    assert result.beyond_mib >= 0
    assert result.series_mib == 20 * 400 * 4 / 2**20
