import torch
from torch.nn import functional as F

from stemdist_ray.forecasters.graph import DenseGraph
from stemdist_ray.forecasters.layers import (
    InceptionKernels,
    MixHop,
    StepwiseLayerNorm,
    convolution_matrix,
    uniform_parameter,
)


def test_convolution_matrix_is_a_convolution():
    kernel = torch.randn(3, 2, 4, dtype=torch.float64)
    x = torch.randn(5, 8, 2, dtype=torch.float64)
    ours = (x.flatten(1) @ convolution_matrix(kernel, 8)).view(5, 6, 4)
    theirs = F.conv1d(x.transpose(1, 2), kernel.permute(2, 1, 0)).transpose(1, 2)
    torch.testing.assert_close(ours, theirs)


def test_convolution_matrix_with_one_step_left():
    kernel = torch.randn(3, 2, 4)
    assert convolution_matrix(kernel, 3).shape == (6, 4)


def test_short_kernels_look_at_the_last_steps():
    kernels = InceptionKernels(1, 4, (2, 3))
    kernel, bias = kernels.kernel()
    assert kernel.shape == (3, 1, 8)
    assert bias.shape == (8,)
    assert torch.all(kernel[0, 0, :2] == 0)
    assert torch.all(kernel[:, 0, 2:4] != 0)


def test_mix_hop_without_edges_is_linear_in_each_location():
    layer = MixHop(3, 2, depth=2, alpha=0.05)
    count = 4
    alone = DenseGraph(0.95 * torch.eye(count).expand(2, count, count))
    x = torch.randn(count, 2, 5, 3)
    weights = (layer.forward_weights + layer.backward_weights).sum(1)
    expected = x @ weights.T + layer.forward_bias + layer.backward_bias
    torch.testing.assert_close(layer(x, alone), expected)


def test_layer_norm_gives_zero_mean_and_unit_variance_per_window():
    norm = StepwiseLayerNorm(3, 5)
    out = norm(torch.randn(7, 2, 5, 3) * 9 + 4)
    assert torch.allclose(out.mean(dim=(0, 2, 3)), torch.zeros(2), atol=1e-5)
    assert torch.allclose(out.var(dim=(0, 2, 3), correction=0), torch.ones(2), atol=1e-4)


def test_uniform_parameter_stays_in_its_bound():
    assert uniform_parameter(50, 50, fan_in=4).abs().max() <= 0.5
