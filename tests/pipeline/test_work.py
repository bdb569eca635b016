import numpy as np

from stemdist_ray.artifact.checkpoint import CheckpointStore
from stemdist_ray.data.prepared import prepare
from stemdist_ray.distillation.start import cluster_by_task
from stemdist_ray.execution.serial import SerialExecutor
from stemdist_ray.pipeline.work import prepare_work
from stemdist_ray.progress import SilentReporter
from stemdist_ray.system.stages import StageClock


def test_what_a_checkpoint_holds_is_not_made_again(artifact, traffic, tiny_config):
    earlier, clock = CheckpointStore(artifact).load(), StageClock()
    source = prepare(traffic, tiny_config.data)
    lines = []
    reporter = SilentReporter()
    reporter.say = lines.append
    work, teachers = prepare_work(
        source, tiny_config, earlier, SerialExecutor(None), clock, reporter, cluster_by_task
    )
    assert (work.fitted_base, work.teacher) == (earlier.fitted_base, earlier.teacher)
    assert teachers == {}
    assert set(clock.records()) == {"base", "cluster"}
    np.testing.assert_array_equal(work.clustering.medoids, earlier.clustering.medoids)
    assert "distilling" in lines[-1]
