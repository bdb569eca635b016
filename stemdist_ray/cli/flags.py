"""The words of the command line for what library errors call settings and arguments."""

from __future__ import annotations

import re
from collections.abc import Container

# Arguments of Python functions, as errors name them: on the command line, and in job files.
_ARGUMENTS = {
    "resume=True": ("--resume", "resume: true"),
    "overwrite=True": ("--overwrite", "overwrite: true"),
    "`out`": ("--out", "out"),
}
SETTING_FLAGS = {
    "data.start": "--start",
    "data.sampling_step": "--sampling-step",
    "data.missing_values": "--missing-value",
    "data.locations_file": "--locations",
    "data.season": "--season",
    "data.read.layout": "--layout",
    "data.read.time_column": "--time-column",
    "data.read.location_column": "--location-column",
    "data.read.features": "--features",
    "data.read.separator": "--separator",
    "data.read.decimal": "--decimal",
    "data.read.thousands": "--thousands",
    "data.read.missing_text": "--missing-text",
    "data.read.encoding": "--encoding",
    "data.read.header": "--header/--no-header",
    "data.read.transpose": "--transpose",
    "data.read.time_format": "--time-format",
    "data.read.dayfirst": "--dayfirst/--monthfirst",
    "data.read.timezone": "--timezone",
    "data.read.duplicates": "--duplicates",
    "data.read.resample": "--resample",
    "data.read.key": "--key",
    "data.read.group": "--group",
    "data.read.select": "--select",
    "data.memory_budget": "--memory-budget",
    "data.lookback": "--lookback",
    "data.horizon": "--horizon",
    "worker.num_workers": "--workers",
    "forecaster.name": "--forecaster",
    "tracking.uri": "--tracking-uri",
    "evaluation.graph": "--graph",
    "evaluation.graph_kind": "--graph-kind",
    "training.graph": "--graph",
    "training.graph_kind": "--graph-kind",
    "evaluation.protocol": "--protocol",
    "evaluation.repeats": "--repeats",
    "rank.trained_on": "--trained-on",
    "rank.track": "--track",
    "spatial_ratio": "--spatial-ratio",
    "temporal_ratio": "--temporal-ratio",
    "num_shards": "--shards",
}


def with_flags(message: str, flags: Container[str]) -> str:
    """Name the flags beside the settings of a message, where it first mentions them.

    Args:
        message: Of an error of the library.
        flags: Those that the command takes.
    """
    for name, flag in SETTING_FLAGS.items():
        if flag.split("/")[0] not in flags:
            continue
        # Not inside longer names, paths or what is being assigned; job files have a part config.
        pattern = rf"(?<![\w./\\])((?:config\.)?{re.escape(name)})(?![\w/\\]|\.\w|\s*\()"
        message = re.sub(pattern, rf"\1 ({flag})", message, count=1)
    return _replaced(message, 0)


def with_file_keys(message: str) -> str:
    """Say what job files call the arguments that a message names."""
    return _replaced(message, 1)


def _replaced(message: str, place: int) -> str:
    for argument, words in _ARGUMENTS.items():
        message = message.replace(argument, words[place])
    return message
