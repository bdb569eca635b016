"""The options of all commands that read a SOURCE, in one place.

typer reads a command's signature; :func:`reads_source` puts these options into it, and hands the
command the layer of data settings that they make.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from stemdist_ray.cli.options import default_of, drop_unset
from stemdist_ray.errors import ConfigError


@dataclass(frozen=True)
class SourceOption:
    """One option.

    Args:
        setting: Dotted name of the setting below ``data``.
        flag: As it is typed.
        kind: Type of its value, as typer takes it.
        help: What it says.
        parse: From what typer gives to the value of the setting.
    """

    setting: str
    flag: str
    kind: Any
    help: str
    parse: Callable[[Any], Any] = lambda value: value

    @property
    def parameter(self) -> str:
        """Name of the parameter."""
        return "source_" + self.setting.replace(".", "_")


def _pairs(given: list[str]) -> dict[str, str]:
    """NAME=VALUE each."""
    pairs = [text.partition("=") for text in given]
    for text, (name, equals, value) in zip(given, pairs, strict=True):
        if not (name and equals and value):
            raise ConfigError(f"--select {text}: expected DIMENSION=LABEL, e.g. level=850")
    return {name: value for name, _, value in pairs}


OPTIONS = (
    SourceOption(
        "missing_values",
        "--missing-value",
        list[float],
        "Reading that means 'missing'; may be repeated." + default_of("data.missing_values"),
    ),
    SourceOption("start", "--start", str, "Time of the first step, for sources without stamps."),
    SourceOption(
        "sampling_step", "--sampling-step", str, "Time between steps, e.g. 5min; with --start."
    ),
    SourceOption("season", "--season", int, "Steps per season, for sources without time stamps."),
    SourceOption(
        "locations_file",
        "--locations",
        Path,
        "CSV with a location id and two coordinates per row.",
        str,
    ),
    SourceOption(
        "read.layout",
        "--layout",
        str,
        "wide (a column per location) or long (a row per step and location).  [default: by its "
        "structure]",
    ),
    SourceOption("read.time_column", "--time-column", str, "Name of the column of times."),
    SourceOption(
        "read.location_column",
        "--location-column",
        str,
        "Name of the column of location ids in a long table.",
    ),
    SourceOption(
        "read.features",
        "--features",
        str,
        "Columns of readings in a long table, with commas between.  [default: all numbers]",
        lambda text: [name.strip() for name in text.split(",")],
    ),
    SourceOption(
        "read.separator",
        "--separator",
        str,
        "Between the fields of a text file, e.g. tab or '|'.  [default: the commonest of , ; tab]",
    ),
    SourceOption("read.decimal", "--decimal", str, "Before fractions: . or ,  [default: .]"),
    SourceOption("read.thousands", "--thousands", str, "Between thousands: . , ' _ or a space."),
    SourceOption(
        "read.missing_text",
        "--missing-text",
        list[str],
        "Text that means 'missing' in a text file, e.g. '?'; may be repeated.  [default: empty "
        "cells, NA, NaN, null]",
    ),
    SourceOption(
        "read.encoding", "--encoding", str, "Of a text file, e.g. latin-1.  [default: UTF-8]"
    ),
    SourceOption(
        "read.header",
        "--header/--no-header",
        bool,
        "Whether the first row of a text file names columns.  [default: by its looks]",
    ),
    SourceOption(
        "read.transpose",
        "--transpose",
        bool,
        "A table has a row per location and a column per step.",
    ),
    SourceOption(
        "read.time_format",
        "--time-format",
        str,
        "How times are written: epoch-s, epoch-ms, epoch-us, epoch-ns, excel, or e.g. "
        "%d.%m.%Y.  [default: by their looks]",
    ),
    SourceOption(
        "read.dayfirst",
        "--dayfirst/--monthfirst",
        bool,
        "Whether 3/4/2021 is in April.  [default: the order that fits, where one does]",
    ),
    SourceOption(
        "read.timezone",
        "--timezone",
        str,
        "Of times of local clocks in a table, e.g. Europe/Paris; they become UTC.",
    ),
    SourceOption(
        "read.duplicates",
        "--duplicates",
        str,
        "Readings of one time and location that come twice: error, first or mean.  [default: "
        "error]",
        str.lower,
    ),
    SourceOption(
        "read.resample",
        "--resample",
        tuple[str, str],
        "Bring readings to common steps: mean, last or sum, and the step, e.g. mean 5min.",
        list,
    ),
    SourceOption("read.key", "--key", str, "Which table of an HDF5 file with several."),
    SourceOption("read.group", "--group", str, "Which group of a NetCDF file or Zarr store."),
    SourceOption(
        "read.select",
        "--select",
        list[str],
        "Entry of a dimension that is neither time nor place, e.g. level=850; may be repeated.",
        _pairs,
    ),
    SourceOption(
        "memory_budget",
        "--memory-budget",
        str,
        "Memory that SOURCE may take while it is read, e.g. 8GiB.  [default: three quarters of "
        "what is free]",
    ),
)


def reads_source(*without: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of its source.

    The command takes ``data``, the layer of data settings, besides its own parameters.

    Args:
        *without: Settings that mean nothing to the command.
    """
    options = [option for option in OPTIONS if option.setting not in without]
    added = [
        inspect.Parameter(
            option.parameter,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[option.kind | None, typer.Option(option.flag, help=option.help)],
        )
        for option in options
    ]

    def with_options(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command, eval_str=True)
        kept = [p for name, p in own.parameters.items() if name != "data"]
        parameters = [*(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in kept), *added]

        @functools.wraps(command)
        def run(**given: Any) -> None:
            taken = {option: given.pop(option.parameter) for option in options}
            command(**given, data=data_layer(taken))

        run.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        return run

    return with_options


def data_layer(given: Mapping[SourceOption, Any]) -> dict[str, Any]:
    """Data settings as a layer; options that were not given are left out."""
    layer: dict[str, Any] = {}
    for option, value in given.items():
        if value is None or value == []:
            continue
        place, *names = layer, *option.setting.split(".")
        for name in names[:-1]:
            place = place.setdefault(name, {})
        place[names[-1]] = option.parse(value)
    return drop_unset(layer)
