"""Read settings from YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from stemdist_ray.errors import ConfigError


def read_yaml(path: Path | None) -> dict[str, Any]:
    """Read a YAML mapping; empty for None.

    Raises:
        ConfigError: The file cannot be read or is no mapping.
    """
    if path is None:
        return {}
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: expected a mapping of settings, found {type(tree).__name__}")
    return tree
