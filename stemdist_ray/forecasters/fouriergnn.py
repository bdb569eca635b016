"""FourierGNN: locations and steps are one sequence, convolved in the frequency domain.

Source: Yi et al., "FourierGNN: Rethinking Multivariate Time Series Forecasting from a Pure Graph
Perspective", NeurIPS 2023 (arXiv:2311.06190).

Axis letters: W windows, L lookback, H horizon, N locations, F features, D embedding of a token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from stemdist_ray.forecasters.base_class import Forecaster, WindowShape
from stemdist_ray.forecasters.catalog import FORECASTERS
from stemdist_ray.forecasters.location_encoder import EncoderOptions, build_encoder

_Size = Annotated[int, Field(ge=1)]


class FouriergnnOptions(EncoderOptions):
    """Hyper-parameters; the defaults are the paper's."""

    width: _Size = Field(128, description="size of a token, one per location and step")
    hidden: _Size = Field(256, description="width of the output head's second layer")
    reduced_steps: _Size = Field(8, description="steps the lookback is reduced to before the head")
    reduced_hidden: _Size = Field(64, description="width of the output head's first layer")
    layers: _Size = Field(3, description="Fourier graph operators applied one after the other")
    sparsity: Annotated[float, Field(ge=0.0)] = Field(
        0.01, description="soft threshold on the spectrum; smaller parts become zero"
    )


@dataclass(frozen=True)
class FouriergnnState:
    """What FourierGNN knows of N locations.

    Args:
        order: (N,) the locations in the order of their mean level.
        added: (N, D) what they add to their tokens.
    """

    order: Tensor
    added: Tensor


class FourierOperator(nn.Module):
    """One Fourier graph operator: the same complex D x D matrix at every frequency."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.real = nn.Parameter(0.02 * torch.randn(width, width))
        self.imaginary = nn.Parameter(0.02 * torch.randn(width, width))
        self.real_bias = nn.Parameter(0.02 * torch.randn(width))
        self.imaginary_bias = nn.Parameter(0.02 * torch.randn(width))

    def forward(self, real: Tensor, imaginary: Tensor) -> tuple[Tensor, Tensor]:
        """Multiply and rectify both parts of (W, frequencies, D)."""
        return (
            functional.relu(real @ self.real - imaginary @ self.imaginary + self.real_bias),
            functional.relu(imaginary @ self.real + real @ self.imaginary + self.imaginary_bias),
        )


@FORECASTERS.register("fouriergnn")
class Fouriergnn(Forecaster):
    """FourierGNN on any number of locations.

    The Fourier transform runs along the sequence of locations, so it needs an order of them; here
    they are ordered by the mean level of their train windows, so that forecasts do not depend on
    the order in which a file lists the locations.

    Args:
        shape: L, H and F.
        options: Hyper-parameters.
    """

    Options = FouriergnnOptions
    summary = "graph operators in the frequency domain"
    source = "Yi et al., NeurIPS 2023, arXiv:2311.06190"
    capturable = True
    widths = ("width", "hidden", "reduced_hidden")

    def __init__(self, shape: WindowShape, options: FouriergnnOptions) -> None:
        super().__init__(shape)
        self.options = options
        self.encoder = build_encoder(shape, options)
        self.locate = nn.Linear(options.embedding, options.width)
        self.input_projection = nn.Linear(shape.num_features, options.width, bias=False)
        self.operators = nn.ModuleList(
            FourierOperator(options.width) for _ in range(options.layers)
        )
        self.reduce = nn.Linear(shape.lookback, options.reduced_steps, bias=False)
        self.output_projection = nn.Sequential(
            nn.Linear(options.width * options.reduced_steps, options.reduced_hidden),
            nn.LeakyReLU(),
            nn.Linear(options.reduced_hidden, options.hidden),
            nn.LeakyReLU(),
            nn.Linear(options.hidden, shape.horizon),
        )

    def encode(self, mean_window: Tensor) -> FouriergnnState:
        """Order and embeddings of N locations from their (N, L, F) mean windows."""
        # Stable, so that locations of the same level do not swap places between two calls.
        order = mean_window[..., self.shape.target].detach().mean(dim=1).argsort(stable=True)
        return FouriergnnState(order, self.locate(self.encoder(mean_window)))

    def predict(self, x: Tensor, state: FouriergnnState) -> Tensor:
        """Forecast (W, H, N) from (W, L, N, F)."""
        windows, steps, locations, _ = x.shape
        tokens = self.input_projection(x.transpose(1, 2)) + state.added[:, None]  # (W, N, L, D)
        sequence = tokens[:, state.order].flatten(1, 2)
        spectrum = torch.fft.rfft(sequence, dim=1, norm="ortho")
        mixed = torch.fft.irfft(self._operate(spectrum), n=steps * locations, dim=1, norm="ortho")
        out = (sequence + mixed).view(windows, locations, steps, -1)
        out = out[:, state.order.argsort()]
        forecast: Tensor = self.output_projection(self.reduce(out.mT).flatten(2)).transpose(1, 2)
        return forecast

    def _operate(self, spectrum: Tensor) -> Tensor:
        """Sum of the operators' outputs, small parts set to zero: (W, frequencies, D) to same."""
        real, imaginary = spectrum.real, spectrum.imag
        total_real, total_imaginary = torch.zeros_like(real), torch.zeros_like(imaginary)
        for operator in self.operators:
            real, imaginary = operator(real, imaginary)
            total_real = total_real + functional.softshrink(real, self.options.sparsity)
            total_imaginary = total_imaginary + functional.softshrink(
                imaginary, self.options.sparsity
            )
        return torch.complex(total_real, total_imaginary)

    def output_parameters(self) -> list[nn.Parameter]:
        """Those of the last layer."""
        return list(self.output_projection[-1].parameters())

    def activation_floats(self) -> int:
        """Tokens, spectrum and operators."""
        options = self.options
        return self.shape.lookback * options.width * (6 + 4 * options.layers)
