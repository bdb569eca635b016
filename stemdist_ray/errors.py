"""Errors a user can meet.

Every message says what was found, what was expected and what to do. All of
them are built from plain strings, so they survive pickling between processes.
"""


class StemdistError(Exception):
    """Base of all errors raised on purpose by this package."""


class DataError(StemdistError):
    """A source cannot be read, or what it holds is not a usable series."""


class ConfigError(StemdistError):
    """A setting is unknown, out of range, or contradicts another one."""


class ArtifactError(StemdistError):
    """A distilled data set or a checkpoint is missing, incomplete or damaged."""


class FolderInUseError(ArtifactError):
    """Another run owns an output folder at this moment."""


class ExecutionError(StemdistError):
    """The workers could not finish a task (placement, repeated crashes)."""


class DivergenceError(StemdistError):
    """The optimisation produced values that are not finite."""


class DependencyError(StemdistError):
    """An optional package that is needed for what was asked for is not installed."""
