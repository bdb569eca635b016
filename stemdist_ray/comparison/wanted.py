"""Which rows an evaluation has."""

from __future__ import annotations

from stemdist_ray.baselines.rows import TrainedRow, trained_rows
from stemdist_ray.config import EvaluationConfig
from stemdist_ray.errors import ConfigError
from stemdist_ray.forecasters.closed_form.zero_shot import find_adapter


def wanted_rows(full_data: bool, config: EvaluationConfig) -> list[TrainedRow]:
    """The rows that are trained; those on request only where they are asked for."""
    asked = {*config.more_rows, *(("full_data",) if full_data else ())}
    return [row for row in trained_rows() if not row.on_request or row.name in asked]


def check_rows(config: EvaluationConfig) -> None:
    """Make sure that the rows exist that are asked for.

    Raises:
        ConfigError: One does not, or a zero-shot forecaster cannot be loaded.
    """
    known = [row.name for row in trained_rows() if row.on_request]
    unknown = [name for name in config.more_rows if name not in known]
    if unknown:
        raise ConfigError(
            f"evaluation.more_rows: unknown {', '.join(unknown)}; expected some of: "
            f"{', '.join(known)}"
        )
    if config.zero_shot is not None:
        find_adapter(config.zero_shot)
