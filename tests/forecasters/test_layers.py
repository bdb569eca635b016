import pytest
import torch
from torch.nn import functional as F

from stemdist_ray.forecasters.graph import DenseGraph
from stemdist_ray.forecasters.layers import (
    DilatedConvolution,
    InceptionKernels,
    MixHop,
    StepwiseLayerNorm,
    convolution_matrix,
    convolve,
    dropout,
    gated,
    locations_first,
    tanh_gate,
    uniform_parameter,
    windows_first,
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


def test_convolve_keeps_the_layout():
    x, kernel = torch.randn(4, 3, 8, 2), torch.randn(3, 2, 5)
    plain = (x.flatten(0, 1).flatten(1) @ convolution_matrix(kernel, 8)).view(4, 3, 6, 5)
    torch.testing.assert_close(convolve(x, kernel), plain)


def test_gated_is_tanh_times_sigmoid():
    f, g = torch.randn(2, 6, 4, dtype=torch.float64)
    ours = gated(torch.cat([2 * f, g], dim=1))
    torch.testing.assert_close(ours, torch.tanh(f) * torch.sigmoid(g), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_dropout_zeroes_its_share_and_keeps_the_mean(share):
    torch.manual_seed(0)
    out = dropout(torch.ones(400, 501), share, training=True)  # not a multiple of 4
    dropped = (out == 0).double()
    assert abs(float(dropped.mean()) - share) < 5 * (share * (1 - share) / out.numel()) ** 0.5
    assert out.max() == pytest.approx(1 / (1 - share))
    # Four entries share one random word: they must not share their fate.
    flat = dropped.flatten()[: 4 * 50_000].view(-1, 4)
    correlation = torch.corrcoef(flat.T) - torch.eye(4)
    assert correlation.abs().max() < 0.02
    assert dropout(out, share, training=False) is out
    assert torch.equal(dropout(out, 0.0, training=True), out)


def test_dropout_follows_the_seed():
    x = torch.ones(100)
    torch.manual_seed(3)
    first = dropout(x, 0.3, training=True)
    torch.manual_seed(3)
    assert torch.equal(first, dropout(x, 0.3, training=True))
    assert not torch.equal(first, dropout(x, 0.3, training=True))


def test_uniform_parameter_stays_in_its_bound():
    assert uniform_parameter(50, 50, fan_in=4).abs().max() <= 0.5


@pytest.mark.parametrize(("kernel_size", "dilation"), [(2, 1), (2, 4), (3, 2)])
def test_dilated_convolution_is_torchs(kernel_size, dilation):
    torch.manual_seed(0)
    layer = DilatedConvolution(3, 5, kernel_size, dilation)
    x = torch.randn(4, 2, 12, 3)
    kernel = layer.weight.permute(2, 1, 0)
    series = x.flatten(0, 1).transpose(1, 2)
    expected = F.conv1d(series, kernel, layer.bias, dilation=dilation).transpose(1, 2)
    torch.testing.assert_close(layer(x).flatten(0, 1), expected)


def test_tanh_gate():
    pre = torch.randn(3, 4)
    torch.testing.assert_close(tanh_gate(pre), torch.tanh(pre[:, :2]) * torch.sigmoid(pre[:, 2:]))


def test_short_inputs_get_zeros_in_front():
    x = torch.randn(2, 3, 4, 1)
    padded = locations_first(x, 5)
    assert padded.shape == (4, 2, 5, 1)
    assert torch.all(padded[:, :, :2] == 0)
    torch.testing.assert_close(padded[:, :, 2:], x.permute(2, 0, 1, 3))
    assert locations_first(x, 2).shape == (4, 2, 3, 1)
    assert windows_first(torch.zeros(4, 2, 7)).shape == (2, 7, 4)
