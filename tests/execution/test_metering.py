import re

from stemdist_ray.execution import metering
from stemdist_ray.execution.metering import METRICS, Metric, NullMeter, run_label


def test_names_are_those_of_prometheus():
    own = [value for value in vars(metering).values() if isinstance(value, Metric)]
    assert set(own) == set(METRICS)
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert re.fullmatch(r"stemdist(_[a-z]+)+", metric.name)
        assert metric.name.endswith("_total") == metric.counts
        assert metric.exported == f"ray_{metric.name}"
        assert metric.about


def test_a_run_has_a_short_label():
    assert run_label("mine", "12ab") == "mine-12ab"
    assert run_label("Messwerte für März (neu)/x", "12ab") == "Messwerte-f-r-M-rz-neu-x-12ab"
    assert run_label("", "12ab") == run_label("...", "12ab") == "12ab"
    assert len(run_label("a" * 500, "12345678")) == 49


def test_nobody_takes_what_is_not_exported():
    NullMeter().set(metering.ROUNDS, 1.0)
    NullMeter().count(metering.TASKS_DONE, "kind")
