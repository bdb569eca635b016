"""Named implementations (forecasters, readers, ...) with helpful look-up errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from stemdist_ray.errors import ConfigError

T = TypeVar("T")


class Registry(Generic[T]):
    """A strict mapping from name to implementation.

    Args:
        kind: What the entries are, singular, for messages ("forecaster").
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that stores its argument under ``name``.

        Raises:
            ConfigError: The name is taken by something else.
        """

        def store(entry: T) -> T:
            if name in self._entries and self._entries[name] is not entry:
                raise ConfigError(
                    f"{self.kind} {name!r} is registered already; choose another name"
                )
            self._entries[name] = entry
            return entry

        return store

    def get(self, name: str) -> T:
        """Return the entry called ``name``.

        Raises:
            ConfigError: No such entry; the message lists those that exist.
        """
        if name not in self._entries:
            known = ", ".join(sorted(self._entries))
            raise ConfigError(f"unknown {self.kind} {name!r}; expected one of: {known}")
        return self._entries[name]

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return sorted(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())
