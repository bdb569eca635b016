"""Named implementations (forecasters, readers, ...) with helpful look-up errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from stemdist_ray.errors import ConfigError

T = TypeVar("T")
E = TypeVar("E")


class Registry(Generic[T]):
    """A strict mapping from name to implementation.

    Args:
        kind: What the entries are, singular, for messages ("forecaster").
        group: Entry-point group through which installed packages add entries, None = none do.
            An entry point is loaded when its name is asked for.
        adapt: Checks what is registered and turns it into an entry.
        home: Where an entry is defined; one from the same place replaces another.
    """

    def __init__(
        self,
        kind: str,
        group: str | None = None,
        adapt: Callable[[Any], T] | None = None,
        home: Callable[[Any], object] | None = None,
    ) -> None:
        self.kind, self.group, self.adapt = kind, group, adapt
        self.home = home or _home
        self._entries: dict[str, T] = {}

    def register(self, name: str) -> Callable[[E], E]:
        """Return a decorator that stores its argument under ``name``.

        Raises:
            ConfigError: The name is taken by something else, or the argument cannot be used. A
                class that is defined again (a notebook cell run twice) replaces its old self.
        """

        def store(entry: E) -> E:
            ready: Any = entry if self.adapt is None else self.adapt(entry)
            if name in self._entries and not self._same(self._entries[name], ready):
                raise ConfigError(
                    f"{self.kind} {name!r} is registered already; choose another name"
                )
            self._entries[name] = ready
            return entry

        return store

    def get(self, name: str) -> T:
        """Return the entry called ``name``.

        Raises:
            ConfigError: No such entry (the message lists those that exist), or the package that
                offers it cannot be loaded.
        """
        if name not in self._entries:
            if name not in self._offered:
                known = ", ".join(self.names())
                raise ConfigError(f"unknown {self.kind} {name!r}; expected one of: {known}")
            self._load(self._offered[name])
        return self._entries[name]

    def names(self) -> list[str]:
        """Return all names, sorted; those that installed packages offer included."""
        return sorted({*self._entries, *self._offered})

    def loaded(self) -> dict[str, T]:
        """Entries by name, without those of packages that nobody has asked for."""
        return dict(self._entries)

    @cached_property
    def _offered(self) -> dict[str, EntryPoint]:
        if self.group is None:
            return {}
        return {point.name: point for point in entry_points(group=self.group)}

    def _load(self, point: EntryPoint) -> None:
        try:
            entry = point.load()
        except Exception as error:
            raise ConfigError(
                f"{self.kind} {point.name!r} cannot be loaded from {point.value}: {error}; "
                "mend or uninstall the package that offers it"
            ) from error
        self.register(point.name)(entry)

    def _same(self, one: object, other: object) -> bool:
        return one is other or self.home(one) == self.home(other)

    def __contains__(self, name: object) -> bool:
        return name in self._entries or name in self._offered

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self.names())


def _home(entry: object) -> tuple[object, object]:
    return getattr(entry, "__module__", None), getattr(entry, "__qualname__", entry)
