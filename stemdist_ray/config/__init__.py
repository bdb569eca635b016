"""The typed, frozen configuration tree: sections, presets, layers of settings, YAML files."""

from stemdist_ray.config.budgets import (
    BudgetConfig,
    EvaluationConfig,
    TeacherConfig,
    ValidationConfig,
)
from stemdist_ray.config.layers import (
    LayerOf,
    describe_differences,
    describe_validation_error,
    flatten,
    merge_layers,
    out_of_place,
    parse_assignments,
    read_assignments,
    typed_layer,
    with_settings,
)
from stemdist_ray.config.matching import MatchingConfig, RefineConfig
from stemdist_ray.config.presets import PRESETS, build_config
from stemdist_ray.config.ranking import ConfigurationEntry, ConfigurationGrid, RankConfig
from stemdist_ray.config.reading import ReadConfig
from stemdist_ray.config.section import GraphKind, Positive, Rate, Ratio, Section
from stemdist_ray.config.sections import (
    ClusteringConfig,
    DataConfig,
    DistillConfig,
    ForecasterConfig,
    TrackingConfig,
    WorkerConfig,
)
from stemdist_ray.config.training import TrainConfig, TrainingConfig, TrainWorkerConfig

__all__ = [
    "PRESETS",
    "BudgetConfig",
    "ClusteringConfig",
    "ConfigurationEntry",
    "ConfigurationGrid",
    "DataConfig",
    "DistillConfig",
    "EvaluationConfig",
    "ForecasterConfig",
    "GraphKind",
    "LayerOf",
    "MatchingConfig",
    "Positive",
    "RankConfig",
    "Rate",
    "Ratio",
    "ReadConfig",
    "RefineConfig",
    "Section",
    "TeacherConfig",
    "TrackingConfig",
    "TrainConfig",
    "TrainWorkerConfig",
    "TrainingConfig",
    "ValidationConfig",
    "WorkerConfig",
    "build_config",
    "describe_differences",
    "describe_validation_error",
    "flatten",
    "merge_layers",
    "out_of_place",
    "parse_assignments",
    "read_assignments",
    "typed_layer",
    "with_settings",
]
