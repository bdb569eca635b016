"""Layers of settings: merging them, giving them the types of their fields, naming what differs.

A *layer* is a nested mapping of settings, e.g. ``{"matching": {"steps": 5}}``; a *flat* one has
dotted names, as ``--set`` takes them.
"""

from __future__ import annotations

import types
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from stemdist_ray.config.secrets import redact
from stemdist_ray.config.yaml_files import PlainScalar, SettingsLoader
from stemdist_ray.errors import ConfigError


@dataclass(frozen=True)
class LayerOf:
    """Marks a field that holds a layer of another model's settings.

    Args:
        model: Whose settings they are.
    """

    model: type[BaseModel]


def _merge(
    base: Mapping[str, Any], over: Mapping[str, Any], whole: Sequence[str] = ("options",)
) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        if not isinstance(value, Mapping) or key not in merged:
            merged[key] = value
        elif not isinstance(merged[key], Mapping):
            found = value_as_guessed(merged[key])
            raise ConfigError(f"{key}: expected a mapping of settings, found {found!r}")
        else:
            merged[key] = value if key in whole else _merge(merged[key], value, whole)
    return merged


def merge_layers(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Merge nested settings; later layers win, forecaster options are replaced as a whole.

    Raises:
        ConfigError: A layer has one value where a later one has several settings.
    """
    tree: dict[str, Any] = {}
    for layer in layers:
        tree = _merge(tree, layer)
    return tree


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten a nested mapping to dotted names, as ``--set`` takes them."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            flat.update(flatten(value, name + "."))
        else:
            flat[name] = value
    return flat


def out_of_place(
    layer: Mapping[str, Any], sections: Collection[str], refused: Collection[str]
) -> list[str]:
    """Names of settings that a command does not use, of a layer that a user gave.

    Args:
        layer: What was given.
        sections: Those that the command takes.
        refused: Settings inside of them that it does not, as dotted names.
    """
    given = flatten(layer)
    return sorted(set(layer) - set(sections)) + [name for name in refused if name in given]


def with_settings(layer: Mapping[str, Any], settings: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Add settings to a layer, one by one; forecaster options that are not named stay.

    Args:
        layer: To add to.
        settings: Dotted names and values.

    Raises:
        ConfigError: A name goes on where the layer has a value.
    """
    tree = dict(layer)
    for name, value in settings:
        node: Any = value
        for part in reversed(name.split(".")):
            node = {part: node}
        tree = _merge(tree, node, whole=())
    return tree


def without(flat: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Leave out settings by their dotted names or by that of their section, and empty mappings."""
    left_out = tuple(names)
    return {
        name: value
        for name, value in flat.items()
        # An empty mapping, as of options that were not given, is the absence of settings.
        if value != {} and not any(name == n or name.startswith(f"{n}.") for n in left_out)
    }


def describe_differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """List the settings that differ between two flat mappings, on one line; "" where none does."""
    names = [n for n in sorted({*old, *new}) if old.get(n) != new.get(n)]
    return "; ".join(f"{n} was {old.get(n)} and is {new.get(n)}" for n in names)


def parse_assignments(assignments: Sequence[str], model: type[BaseModel]) -> dict[str, Any]:
    """Turn ``["matching.steps=5", ...]`` into a layer; values are YAML.

    Args:
        assignments: What ``--set`` options say.
        model: Whose settings they are; their fields decide the types of the values.

    Raises:
        ConfigError: An entry has no ``=`` or its value is not YAML.
    """
    return typed_layer(read_assignments(assignments), model)


def read_assignments(assignments: Sequence[str]) -> dict[str, Any]:
    """The same before the fields have decided: plain scalars are still text.

    Raises:
        ConfigError: An entry has no ``=`` or its value is not YAML.
    """
    tree: dict[str, Any] = {}
    for text in assignments:
        path, sep, raw = text.partition("=")
        if not sep or not path.strip():
            raise ConfigError(f"--set takes NAME=VALUE, e.g. matching.steps=5; found {text!r}")
        try:
            value = yaml.load(raw, Loader=SettingsLoader)
        except yaml.YAMLError as error:
            raise ConfigError(f"--set {path}: {raw!r} is not a YAML value") from error
        tree = with_settings(tree, [(path.strip(), value)])
    return tree


def typed_layer(tree: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """Give plain YAML scalars the types of the fields they are for.

    YAML alone would turn 2012-03-01 into a date and 12 into a number even where the field holds
    text. Settings that the model does not know keep YAML's own reading; they are refused when the
    configuration is built.

    Args:
        tree: A layer from YAML; other values than plain scalars stay as they are.
        model: Whose settings it holds.
    """
    return {
        key: value_as_guessed(value)
        if key not in model.model_fields
        else _typed_value(value, model.model_fields[key])
        for key, value in tree.items()
    }


def _typed_value(value: Any, field: FieldInfo) -> Any:
    inner = next((m.model for m in field.metadata if isinstance(m, LayerOf)), None)
    annotation: Any = field.annotation
    inner = inner or next((t for t in _leaves(annotation) if _is_model(t)), None)
    if inner is not None and isinstance(value, Mapping):
        if get_origin(annotation) is dict and not field.metadata:  # a section per name
            return {
                name: typed_layer(section, inner)
                if isinstance(section, Mapping)
                else value_as_guessed(section)
                for name, section in value.items()
            }
        return typed_layer(value, inner)
    kinds = set(_leaves(annotation))
    guessed, text = value_as_guessed(value), _value_as_text(value)
    only_text = kinds <= {str, Path, types.NoneType}
    # A text or a number: what is read as something else (true, 1e3) is a text.
    neither = str in kinds and isinstance(value, PlainScalar) and type(guessed) not in kinds
    for candidate in (text,) if only_text or neither else (guessed, text):
        if _fits(candidate, annotation):
            return candidate
    return guessed


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _leaves(annotation: Any) -> list[Any]:
    """The types an annotation is made of: ``dict[str, int] | None`` to str, int and NoneType."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _leaves(get_args(annotation)[0])
    if origin in (Union, types.UnionType, tuple, list, dict):
        return [leaf for part in get_args(annotation) if part is not ... for leaf in _leaves(part)]
    return [annotation]


@cache
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation)


def _fits(value: Any, annotation: Any) -> bool:
    try:
        _adapter(annotation).validate_python(value)
    except ValidationError:
        return False
    return True


def value_as_guessed(value: Any) -> Any:
    """Give the plain scalars of a value the types that YAML 1.2 reads out of their text."""
    if isinstance(value, PlainScalar):
        return value.guess()
    if isinstance(value, Mapping):
        return {key: value_as_guessed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [value_as_guessed(inner) for inner in value]
    return value


def _value_as_text(value: Any) -> Any:
    if isinstance(value, PlainScalar):
        # Nothing is nothing, also where text is wanted; the field says whether it may be.
        return None if value.guess() is None else str(value)
    if isinstance(value, list):
        return [_value_as_text(inner) for inner in value]
    return value


def describe_validation_error(error: ValidationError) -> str:
    """Put all problems of a pydantic error on one line."""
    problems, items = [], error.errors()
    for item in items:
        if item["type"] == "too_short" and _has_inner(item["loc"], items):
            continue  # entries that were refused are not missing
        place = ".".join(str(part) for part in item["loc"]) or "configuration"
        if item["type"] == "extra_forbidden":
            problems.append(f"{place}: unknown setting")
        elif item["type"] == "value_error":  # our own words, of several settings: it names them
            where = f"{place}: " if item["loc"] else ""
            problems.append(f"{where}{item['ctx']['error']}")
        else:
            found = "" if isinstance(item["input"], Mapping) else f" (found {item['input']!r})"
            problems.append(f"{place}: {item['msg']}{found}")
    return redact("configuration: " + "; ".join(problems))


def _has_inner(place: tuple[int | str, ...], items: Sequence[ErrorDetails]) -> bool:
    """Whether some problem lies within a place."""
    return any(i["loc"][: len(place)] == place and len(i["loc"]) > len(place) for i in items)
