import numpy as np

from stemdist_ray.baselines.centroid import centroid_windows
from stemdist_ray.baselines.method import MethodOptions, MethodWork
from stemdist_ray.distillation.validation import real_data


def test_inputs_are_means_of_the_clusters(based, based_config):
    real = real_data(based, based_config)
    made = centroid_windows(MethodWork(real, based_config, MethodOptions()))
    cluster = int(made.clustering.cluster_size.argmax())
    members = np.flatnonzero(made.clustering.assignment == cluster)
    everything = real.windows.inputs[:, members].mean(axis=1)
    if real.windows.input_mask is not None and not real.windows.input_mask[:, members].all():
        return  # gaps are filled, see tests/clustering/test_aggregate.py
    windows = np.lib.stride_tricks.sliding_window_view(everything, made.state.x.shape[1], axis=0)
    for window in made.state.x[:, :, cluster]:
        assert np.isclose(windows.transpose(0, 2, 1), window, atol=1e-5).all(axis=(1, 2)).any()
