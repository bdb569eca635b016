from stemdist_ray.distillation.coordinator import RoundRecord, RunState
from stemdist_ray.execution import metering
from stemdist_ray.execution.metering import NullMeter
from stemdist_ray.pipeline.observe import (
    MeterObserver,
    ProgressObserver,
    TrackingObserver,
    run_observers,
)

RECORD = RoundRecord(2, 0.5, 3.0, 6.0, 1.0, 200.0, 0.75)


class Said:
    def __init__(self):
        self.lines, self.total, self.units = [], None, 0

    def begin(self, what, total):
        self.total = (what, total)

    def advance(self, units=1):
        self.units += units

    def say(self, text):
        self.lines.append(text)


class Logged:
    def __init__(self):
        self.metrics = {}

    def log_metrics(self, metrics, step=None):
        self.metrics[step] = metrics


def state(best):
    return RunState(2, None, None, best, 0.7)


def test_one_line_per_round():
    said = Said()
    observer = ProgressObserver(said, 10)
    observer.tasks_planned("round 2", 5)
    observer.task_done(None)
    observer.round_done(RECORD, state(best=2))
    assert said.total == ("round 2/10", 5)
    assert said.units == 1
    assert said.lines == [
        "round 2/10, objective 0.5, validation relative RMSE 0.7500 (best so far), 4.0 s"
    ]
    observer.round_done(RECORD, state(best=1))
    assert "best so far" not in said.lines[1]


def test_metrics_per_round():
    logged = Logged()
    observer = TrackingObserver(logged)
    observer.round_done(RECORD, state(best=2))
    blank = RoundRecord(3, 0.5, 3.0, 6.0, 0.0, 200.0, None)
    observer.round_done(blank, state(best=2))
    assert logged.metrics[2]["validation_relative_rmse"] == 0.75
    assert logged.metrics[2]["best_validation_relative_rmse"] == 0.7
    assert "validation_relative_rmse" not in logged.metrics[3]


class Shown(NullMeter):
    def __init__(self):
        self.values = {}

    def set(self, metric, value, label=""):
        self.values[metric] = value


def test_a_monitor_sees_every_round():
    shown = Shown()
    observer = MeterObserver(shown)
    observer.round_done(RoundRecord(0, None, 0.0, 0.0, 2.0, 0.0, 0.8), state(best=0))
    assert shown.values == {
        metering.ROUNDS: 0,
        metering.VALIDATION_SECONDS: 2.0,
        metering.ERROR: 0.8,
        metering.BEST_ERROR: 0.7,
    }
    observer.round_done(RECORD, state(best=2))
    observer.round_done(RoundRecord(3, 0.4, 5.0, 6.0, 0.0, 200.0, None), state(best=2))
    assert shown.values[metering.ROUNDS] == 3
    assert shown.values[metering.OBJECTIVE] == 0.4
    assert shown.values[metering.ROUND_SECONDS] == 5.0
    assert shown.values[metering.ERROR] == 0.75


def test_all_of_them():
    observers = run_observers(Said(), 10, Logged(), NullMeter())
    kinds = [ProgressObserver, TrackingObserver, MeterObserver]
    assert [type(observer) for observer in observers] == kinds
