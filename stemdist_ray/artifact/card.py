# ruff: noqa: E501 - Markdown tables
"""The dataset card: what a person should know before using a distilled data set."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from stemdist_ray.artifact.croissant import UNKNOWN_LICENSE, license_of
from stemdist_ray.artifact.manifest import Manifest
from stemdist_ray.system.free_memory import in_words

# Number of rows up to which the Hugging Face Hub has a name.
_SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M"}

_FILES = """## Files

| file | content |
|---|---|
| `synthetic.parquet` | a row per window: `x` (L, K, F) and `y` (H, K) as lists of lists of a fixed size, scaled; `calendar` (L, C); `base_offset` (H, K), what the base adds to its map of the lags; `weight` of the window in a loss, where they differ |
| `clusters.parquet` | `cluster`, `size`: how many real locations each synthetic one stands for; `medoid`, the nearest real one; `weight` in a loss, where that is not `size` |
| `base_*.parquet`, `base.json` | the base: weights, seasonal patterns, level and coefficients of every location |
| `teacher.parquet`, `teacher.json` | the networks that gave the first targets |
| `locations.parquet` | `id`, `cluster` and coordinates of every real location |
| `encoder_input.parquet` | mean train window of every real location: what lets a forecaster run on them |
| `manifest.json` | configuration, scaler, metrics, versions, costs |
| `croissant.json` | files, tables and limits as Croissant metadata |
"""
_USE = """## Use

```python
from stemdist_ray import SyntheticDataset

data = SyntheticDataset.load("this folder")
x, y = data.x, data.y  # NumPy, scaled
pairs = data.to_torch()  # torch Dataset of (inputs, targets), calendar included
```

`datasets.load_dataset("this folder")`, pandas and polars read `synthetic.parquet` as well; `stemdist export` writes it for
other libraries.

With a base, `data.to_torch(residual=True)` gives what it leaves, and `data.base.forecast(...)` what it says.

Weight the loss of a synthetic location by `weight` of `clusters.parquet`, or where that has none by `size`: it stands for
that many real ones. Where `synthetic.parquet` has a `weight`, windows count by it.
"""


def dataset_card(manifest: Manifest) -> str:
    """Write the card of an artifact, from its manifest: Markdown after a head of YAML.

    The head is what the Hugging Face Hub and its ``datasets`` read: licence, kind and size, and
    that of the files only ``synthetic.parquet`` has the rows.
    """
    source, size, scaler = manifest.source, manifest.size, manifest.scaler
    target, result, config = manifest.target, manifest.result, manifest.config
    unit = f" ({plain_words(target.unit)})" if target.unit else ""
    versions = ", ".join(f"{k} {v}" for k, v in manifest.versions.items())
    stages = "\n".join(
        f"| {name} | {stage.seconds:.1f} | {stage.peak_rss_mib:.0f} |"
        for name, stage in manifest.stages.items()
    )
    return f"""---
{_front_matter(manifest)}---

# Distilled data set: {plain_words(source.name)}

{size.windows} synthetic windows of {size.locations} synthetic locations, made from
{size.real_windows} train windows of {size.real_locations} real locations
(spatial ratio {manifest.spatial_ratio:g}, temporal ratio {manifest.temporal_ratio:g}).
{in_words(size.bytes)} of tensors, {in_words(size.total_bytes)} with all that belongs to them; the train windows they stand for take
{in_words(size.real_bytes)}.

- **Forecasts**: {plain_words(target.name)}{unit}, {size.lookback} steps in, {size.horizon} steps out.
- **Source**: {as_code(_place(source.source))}, {source.steps} steps, content hash `{source.hash}`.
- **Method**: {_method(manifest)}.
- **Base**: {_base(manifest)}.
- **First targets**: {_first_targets(result.teachers)}.
- **Splits**: train, validation, test = {list(config.data.split)} in time order. Scaler,
  clusters and synthetic data come from train; validation chose teacher and round; test was not read.

{_FILES}
Values are scaled: reading = value * std + mean, with mean {list(scaler.mean)} and std {list(scaler.std)}
per feature ({", ".join(map(plain_words, scaler.features))}).

{_USE}
## Limits

The data imitate what a forecaster learns from the source, not the source itself: which numbers are readings and which
were learned is not told apart, so single windows must not be used as observations. Errors of forecasters trained on them are in
`evaluation.json` once `stemdist evaluate` has run; compare them with the trivial baselines there.

## Cost

| stage | seconds | peak memory of the driver, MiB |
|---|---|---|
{stages}

Made with {versions}.
"""


def _front_matter(manifest: Manifest) -> str:
    windows = manifest.size.windows
    tree: dict[str, Any] = {
        "pretty_name": f"Distilled data set: {' '.join(manifest.source.name.split())}",
        **_license(license_of(manifest)),
        "task_categories": ["time-series-forecasting"],
        "tags": ["synthetic", "dataset-distillation", "spatio-temporal", "stemdist"],
        "size_categories": [next((s for n, s in _SIZES.items() if windows < n), "n>1M")],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": "train", "path": "synthetic.parquet"}],
            }
        ],
    }
    return str(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=1000))


def _license(license: str) -> dict[str, str]:
    """A licence that the Hub has no identifier for is called other, with its address."""
    if "://" not in license:
        return {"license": license}
    return {"license": "other", "license_name": UNKNOWN_LICENSE, "license_link": license}


def plain_words(text: str) -> str:
    """A name as Markdown shows it: nothing in it is a tag, a link, an image or emphasis.

    Args:
        text: From a source, so anybody's.
    """
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*_\[\]#|~!$])", r"\\\1", text)
    return text.replace("://", "&#58;//")  # some would make a link of it


def as_code(text: str) -> str:
    """A text as a code span, between more backticks than it holds itself."""
    text = " ".join(text.split())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text}{space}{fence}"


def _place(source: str) -> str:
    """A source without the folders of the machine that read it."""
    return Path(source).name if Path(source).is_absolute() else source


def _method(manifest: Manifest) -> str:
    config, result = manifest.config, manifest.result
    reached = f"validation relative RMSE {result.best_validation:.4f}"
    if config.method != "stemdist":
        options = ", ".join(f"{name}={value}" for name, value in config.method_options.items())
        told = f" ({options})" if options else ""
        return f"{as_code(config.method + told)}, seed {config.seed} ({reached})"
    return (
        f"STemDist (arXiv:2603.10410), {config.num_shards} shards,\n  {result.rounds} rounds, seed "
        f"{config.seed}; round {result.best_round} was kept\n  ({reached}; start\n  "
        f"{result.start_validation:.4f})"
    )


def _base(manifest: Manifest) -> str:
    choice, kind = manifest.base, manifest.config.base
    if choice is None:
        return "none"
    details = f"profiles of rank {choice.rank}, smoothed over {choice.smoothing:g} slots"
    return f"{kind}, {in_words(manifest.size.base_bytes)} ({details}, penalty {choice.penalty:g})"


def _first_targets(teachers: dict[str, float]) -> str:
    if not teachers:
        return "readings"
    errors = ", ".join(f"{name} {error:.4f}" for name, error in teachers.items())
    return f"forecasts of a teacher (validation relative RMSE: {errors})"
