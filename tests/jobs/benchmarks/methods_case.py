"""A benchmark of methods that takes seconds."""

from jobs.benchmarks.methods_config import MethodsConfig

SETTINGS = {
    "data": {"lookback": 6, "horizon": 4},
    "teacher": {"epochs": 1, "members": 1},
    "validation": {"epochs": 1, "repeats": 1},
    "evaluation": {"epochs": 1, "repeats": 2, "rate_factors": [1.0], "curve": [2]},
}


def methods_config(path) -> MethodsConfig:
    return MethodsConfig.model_validate(
        {
            "data": [{"name": "small", "source": str(path)}],
            "methods": ["medoid", "stemdist"],
            "budgets": [0.05],
            "seeds": [0, 1],
            "settings": SETTINGS,
            "rows": ["node_sampled"],
        }
    )
