import pytest

from stemdist_ray.data.describe import describe_series
from stemdist_ray.pipeline.track import describe_run, ended, remember_run, remembered_run
from stemdist_ray.tracking.base_class import NullTracker


class Statuses(NullTracker):
    def __init__(self):
        self.seen = []
        self.reference = "abc"

    def finish(self, status):
        self.seen.append(status)


def test_run_is_described(traffic, tiny_config, tmp_path):
    run = describe_run(
        tmp_path / "name", tiny_config, describe_series(traffic, traffic.name, "memory"), "x"
    )
    assert run.name == "name"
    assert run.params["matching.steps"] == 2
    assert run.dataset["digest"] == traffic.content_hash()
    assert run.tags["stemdist.job"] == "distill"
    assert run.existing_run_id == "x"


def test_run_is_remembered(tmp_path):
    assert remembered_run(tmp_path) is None
    remember_run(tmp_path, Statuses())
    assert remembered_run(tmp_path) == "abc"
    remember_run(tmp_path, NullTracker())
    assert remembered_run(tmp_path) is None
    (tmp_path / "tracking.json").write_text("{")
    assert remembered_run(tmp_path) is None


@pytest.mark.parametrize(
    ("error", "status"), [(None, "FINISHED"), (ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")]
)
def test_run_is_ended_whatever_happens(error, status):
    tracker = Statuses()
    if error is None:
        with ended(tracker):
            pass
    else:
        with pytest.raises(error), ended(tracker):
            raise error
    assert tracker.seen == [status]
