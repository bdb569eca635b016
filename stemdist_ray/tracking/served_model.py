"""The script that MLflow runs to load a registered forecaster ("models from code").

It holds no weights and nothing is unpickled: the folder of the trained forecaster is an artifact
of the model, and this package travels beside it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow

from stemdist_ray.artifact.trained import TrainedForecaster


class ServedForecaster(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Recent readings in, forecasts out, both in original units."""

    def load_context(self, context: Any) -> None:
        """Load the forecaster; MLflow calls it once."""
        self.trained = TrainedForecaster.load(Path(context.artifacts["forecaster"]))

    # No type hint on model_input: MLflow takes one for a schema and warns about those it has not.
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        """(L, N, F) readings to (H, N) forecasts, or (W, L, N, F) to (W, H, N).

        ``params`` may hold ``last_time`` (a time stamp, several with commas between) or
        ``last_step`` (a number) of the last reading, see ``TrainedForecaster.forecast``.
        """
        del context
        time, step = (params or {}).get("last_time"), (params or {}).get("last_step")
        return self.trained.forecast(
            model_input,
            last_time=time.split(",") if time else None,
            last_step=None if step is None or step < 0 else step,
        )


mlflow.models.set_model(ServedForecaster())
