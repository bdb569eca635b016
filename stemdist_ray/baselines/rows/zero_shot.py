"""A forecaster that was trained elsewhere, asked as it is; only where one is named."""

from __future__ import annotations

from dataclasses import dataclass

from stemdist_ray.baselines.rows.row import ClosedFormRow, Material, register_row
from stemdist_ray.config import EvaluationConfig
from stemdist_ray.data.windows import evenly_spaced
from stemdist_ray.evaluation.predict import EvaluationWindows
from stemdist_ray.forecasters.closed_form.base_class import ClosedFormForecaster
from stemdist_ray.forecasters.closed_form.zero_shot import ZeroShot


@dataclass(frozen=True)
class ZeroShotRow(ClosedFormRow):
    """The row of ``evaluation.zero_shot``."""

    def wanted(self, config: EvaluationConfig) -> bool:
        """Only where a forecaster is named."""
        return config.zero_shot is not None

    def scored(self, windows: EvaluationWindows, material: Material) -> EvaluationWindows:
        """As many as are asked for: such a forecaster may take a second for a few locations."""
        few, starts = material.config.zero_shot_windows, windows.starts
        if few is None or few >= len(starts):
            return windows
        return EvaluationWindows.of(material.source, starts[evenly_spaced(len(starts), few)])

    def fitted(self, material: Material) -> ClosedFormForecaster:
        """The one that is named."""
        config = material.config
        assert config.zero_shot is not None  # else the row is left out
        return ZeroShot(material.source, config.zero_shot, config.zero_shot_context)


register_row(
    ZeroShotRow(
        name="zero_shot",
        title="zero-shot",
        report_title="pre-trained elsewhere, zero-shot",
        colour="#117733",
        position=140,
        forecaster=ZeroShot,
    )
)
