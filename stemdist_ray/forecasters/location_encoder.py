"""Location encoders: from a location's mean window to its embedding.

Source: STemDist (arXiv:2603.10410), location encoder in place of learned node embeddings.
Axis letters: N locations, L lookback, F features, D hidden, R embedding.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from stemdist_ray.forecasters.attention import attend
from stemdist_ray.forecasters.base_class import ForecasterOptions, WindowShape

EncoderName = Literal["attention", "mlp"]


class AttentionEncoder(nn.Module):
    """Linear, ReLU, one-head self-attention over locations, residual, LayerNorm, Linear.

    Args:
        inputs: L * F.
        hidden: D (paper: 32).
        embedding: R (paper: 10).
    """

    def __init__(self, inputs: int, hidden: int, embedding: int) -> None:
        super().__init__()
        self.input_projection = nn.Linear(inputs, hidden)
        self.query = nn.Linear(hidden, hidden)
        self.key = nn.Linear(hidden, hidden)
        self.value = nn.Linear(hidden, hidden)
        self.mix = nn.Linear(hidden, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.output_projection = nn.Linear(hidden, embedding)

    def forward(self, mean_window: Tensor) -> Tensor:
        """Encode (N, L, F) mean windows as (N, R) embeddings."""
        hidden = functional.relu(self.input_projection(mean_window.flatten(1)))
        attended = attend(self.query(hidden), self.key(hidden), self.value(hidden))
        embedding: Tensor = self.output_projection(self.norm(hidden + self.mix(attended)))
        return embedding


class MlpEncoder(nn.Module):
    """The same without attention: each location is encoded by itself.

    Args:
        inputs: L * F.
        hidden: D.
        embedding: R.
    """

    def __init__(self, inputs: int, hidden: int, embedding: int) -> None:
        super().__init__()
        self.input_projection = nn.Linear(inputs, hidden)
        self.mix = nn.Linear(hidden, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.output_projection = nn.Linear(hidden, embedding)

    def forward(self, mean_window: Tensor) -> Tensor:
        """Encode (N, L, F) mean windows as (N, R) embeddings."""
        hidden = functional.relu(self.input_projection(mean_window.flatten(1)))
        mixed = functional.relu(self.mix(hidden))
        embedding: Tensor = self.output_projection(self.norm(hidden + mixed))
        return embedding


class EncoderOptions(ForecasterOptions):
    """Options of the location encoder, for forecasters that have one; defaults as in STemDist."""

    encoder: EncoderName = Field(
        "attention", description="location encoder: sees all locations (attention) or one (mlp)"
    )
    encoder_hidden: Annotated[int, Field(ge=1)] = Field(
        32, description="hidden width of the location encoder"
    )
    embedding: Annotated[int, Field(ge=1)] = Field(10, description="size of a location's embedding")


def build_encoder(shape: WindowShape, options: EncoderOptions) -> nn.Module:
    """Build the encoder that a forecaster's options ask for: (N, L, F) to (N, R)."""
    kind = AttentionEncoder if options.encoder == "attention" else MlpEncoder
    inputs = shape.lookback * shape.num_features
    return kind(inputs, options.encoder_hidden, options.embedding)
