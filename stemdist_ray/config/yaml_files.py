"""YAML as people write settings in it: plain scalars keep their text until a field decides."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from stemdist_ray.errors import ConfigError

# The core schema of YAML 1.2. YAML 1.1, which PyYAML reads, also makes dates, sexagesimal numbers
# (12:30) and booleans (no, on) out of what people mean as text, and text out of 1e-3.
_NULL = re.compile(r"|~|null|Null|NULL")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_DECIMAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"([-+]?)\.(inf|Inf|INF|nan|NaN|NAN)")


class PlainScalar(str):
    """The text of an unquoted YAML scalar, which may yet become a number, a truth or nothing."""

    __slots__ = ()

    def guess(self) -> Any:
        """Its value by the core schema of YAML 1.2."""
        text = str(self)
        if _NULL.fullmatch(text):
            return None
        if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
            return bool(_TRUE.fullmatch(text))
        if _INTEGER.fullmatch(text):
            return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
        if _DECIMAL.fullmatch(text):
            return float(text)
        special = _SPECIAL.fullmatch(text)
        return float(special[1] + special[2]) if special else text


class SettingsLoader(yaml.SafeLoader):
    """Safe loader that leaves plain scalars as text and refuses keys that occur twice."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Compose a mapping as it is written, before merge keys (<<) bring in others.

        Raises:
            yaml.composer.ComposerError: A key occurs twice; the last one would win silently.
        """
        node: yaml.MappingNode = super().compose_mapping_node(anchor)  # type: ignore[misc]
        seen: dict[str, int] = {}
        for key, _ in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in seen and key.tag != _MERGE:
                first = seen[name]
                where = f"line {line}" if first == line else f"lines {first} and {line}"
                message = f"{name} is given twice, in {where}"
                raise yaml.composer.ComposerError(None, None, message)
            seen[name] = line
        return node

    def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:
        """Compose a scalar; an explicit tag (``!!str 5``) is as good as quotes."""
        explicit = not self.peek_event().implicit[0]  # type: ignore[no-untyped-call]
        node: yaml.ScalarNode = super().compose_scalar_node(anchor)  # type: ignore[misc]
        if explicit and node.style is None:
            node.style = "'"
        return node

    def construct_document(self, node: yaml.Node) -> Any:
        """Build all of a tree at once, which refuses one that holds itself."""
        self.deep_construct = True
        if _expanded(node, {}) > _MOST_NODES:
            raise yaml.composer.ComposerError(
                None, None, f"aliases stand for more than {_MOST_NODES:,} values"
            )
        return super().construct_document(node)  # type: ignore[no-untyped-call]

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping with text keys."""
        built = super().construct_mapping(node, deep=deep)
        return {str(key): value for key, value in built.items()}


def _expanded(node: yaml.Node, known: dict[int, int]) -> int:
    """Values of a tree with all aliases written out; they double with a few letters each."""
    if id(node) not in known:
        known[id(node)] = 0  # of a tree that holds itself, which is refused elsewhere
        children: list[yaml.Node] = []
        if isinstance(node, yaml.MappingNode):
            children = [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            children = list(node.value)
        known[id(node)] = 1 + sum(_expanded(child, known) for child in children)
    return known[id(node)]


def _construct_text(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    text = str(loader.construct_scalar(node))
    return PlainScalar(text) if node.style is None else text


_MOST_NODES = 10_000
_LARGEST = 2**20  # bytes
_MERGE = "tag:yaml.org,2002:merge"
# Only the merge key (<<) is still told apart by its text.
SettingsLoader.yaml_implicit_resolvers = {
    first: kept
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    if (kept := [pair for pair in resolvers if pair[0] == _MERGE])
}
SettingsLoader.add_constructor("tag:yaml.org,2002:str", _construct_text)


def read_yaml(path: Path | None) -> dict[str, Any]:
    """Read a YAML mapping; empty for None.

    Returns:
        A tree whose plain scalars are :class:`PlainScalar`; the fields they are for decide their
        types, see :func:`stemdist_ray.config.typed_layer`.

    Raises:
        ConfigError: The file cannot be read or is no mapping.
    """
    if path is None:
        return {}
    tree = read_yaml_tree(path)
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: expected a mapping of settings, found {kind_of(tree)}")
    return tree


def kind_of(tree: Any) -> str:
    """What a YAML tree is, for messages."""
    return "text" if isinstance(tree, str) else type(tree).__name__


def read_yaml_tree(path: Path) -> Any:
    """Read YAML: a mapping, a list, a text, or None where there is nothing in the file.

    Raises:
        ConfigError: The file cannot be read.
    """
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(f"{path}: expected a YAML file; found a folder or a device")
        if path.exists() and path.stat().st_size > _LARGEST:
            raise ConfigError(f"{path}: {path.stat().st_size:,} bytes are no file of settings")
        tree = yaml.load(path.read_text(encoding="utf-8"), Loader=SettingsLoader)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: not YAML of settings: nested too deeply") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    return None if isinstance(tree, PlainScalar) and tree.guess() is None else tree
