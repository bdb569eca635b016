from pathlib import Path

from stemdist_ray.tracking.base_class import NullTracker, RunDescription


def test_null_tracker_keeps_nothing():
    tracker = NullTracker()
    tracker.start(RunDescription("x"))
    tracker.log_metrics({"a": 1.0}, 1)
    tracker.log_artifact(Path("nowhere"))
    tracker.finish("FINISHED")
    assert tracker.run_id is None
