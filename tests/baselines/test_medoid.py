import numpy as np

from stemdist_ray.baselines.medoid import medoid_windows
from stemdist_ray.baselines.method import MethodOptions, MethodWork
from stemdist_ray.distillation.start import StartTask, cluster_source, run_start
from stemdist_ray.distillation.validation import real_data


def test_it_is_the_start_of_the_librarys_own_method(based, based_config):
    real = real_data(based, based_config)
    made = medoid_windows(MethodWork(real, based_config, MethodOptions()))
    clustering = cluster_source(based_config, real)
    begun = run_start(real, StartTask("s", based_config, clustering))
    np.testing.assert_array_equal(made.state.x, begun.state.x)
    np.testing.assert_array_equal(made.state.y, begun.state.y)
    np.testing.assert_array_equal(made.known.offset, begun.known.offset)
    np.testing.assert_array_equal(made.clustering.loss_weights, clustering.cluster_size)
