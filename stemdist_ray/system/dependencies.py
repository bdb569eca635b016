"""Optional packages: one clear line where one is missing."""

from __future__ import annotations

from importlib.util import find_spec

from stemdist_ray.errors import DependencyError


def is_installed(module: str) -> bool:
    """Whether a module can be imported; a module inside a package that is missing can not."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def need(what: str, extra: str, *modules: str) -> None:
    """Make sure that packages of an extra are installed.

    Args:
        what: What they are needed for, e.g. "reading HDF5".
        extra: The extra of this package that brings them.
        *modules: Names as they are imported.

    Raises:
        DependencyError: Some are not; the message says how to install them.
    """
    missing = [name for name in modules if not is_installed(name)]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise DependencyError(
            f"{what} needs {' and '.join(missing)}, which {verb} not installed; install the extra: "
            f"pip install 'stemdist-ray[{extra}]'"
        )
