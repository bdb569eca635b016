"""The Ray that work runs on: a cluster that is joined, or a local one for the time being."""

from __future__ import annotations

import contextlib
import gc
import logging
import math
import os
import secrets
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import psutil
import ray

from stemdist_ray.errors import ExecutionError
from stemdist_ray.forecasters import FORECASTERS, Forecaster

logger = logging.getLogger(__name__)

_QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
_STARTS = 3
_TOO_SLOW = ("timed out during startup", "Timed out while waiting for nodes to join")
R = TypeVar("R")


@contextlib.contextmanager
def ray_session(address: str | None, num_workers: int, num_cpus: float) -> Iterator[bool]:
    """Make sure that Ray runs: join a cluster, or start a local Ray and stop it afterwards.

    A Ray that this process has joined already is used as it is.

    Args:
        address: The cluster; None = RAY_ADDRESS, else a local Ray.
        num_workers: Workers that a local Ray must have room for.
        num_cpus: CPUs of each.

    Yields:
        Whether machines may come that are not there yet: a local Ray stays as it is, and so do the
        places that a sweep has reserved for a trial.

    Raises:
        ExecutionError: The cluster cannot be reached, or a local Ray does not start.
    """
    if ray.is_initialized():
        yield not _started_here() and ray.util.get_current_placement_group() is None
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    address = address or os.environ.get("RAY_ADDRESS")
    joins = bool(address and address != "local")
    if joins:
        _join(str(address))
    else:
        use_private_token()
        # Ray would let its workers give way to everything else on the machine (niceness 15): beside
        # any other program that computes they starve.
        os.environ.setdefault("RAY_worker_niceness", "0")
        cpus = max(os.cpu_count() or 1, math.ceil(num_workers * num_cpus))
        start_local_ray(cpus, **_QUIET)
    try:
        yield joins
    finally:
        ray.shutdown()


def ask_for(bundles: Sequence[Mapping[str, float]]) -> None:
    """Ask the autoscaler of the cluster for room, where there is one; an empty list takes it back.

    A cluster keeps one such request, the last one. Workers that wait for their place are
    wishes as well; so one that another run has replaced costs time, not workers.

    Args:
        bundles: What each worker reserves, by Ray's names.
    """
    from ray.autoscaler.sdk import request_resources  # half a second that few runs need

    try:
        request_resources(bundles=[dict(bundle) for bundle in bundles])
    except Exception as error:  # noqa: BLE001 - Ray raises what its transport raises
        logger.info("the autoscaler could not be asked for workers: %s", error)


def start_local_ray(num_cpus: int, **options: Any) -> None:
    """Start a Ray on this machine; try again where the machine was too busy to let it start.

    A raylet waits 15 seconds for the agents that it starts (Ray 2.60, fixed in its code), then
    ends itself, and `ray.init` raises a bare Exception 15 seconds later. On a machine that
    computes already, starting the agents can take longer; a second try finds their files in
    the page cache.

    Args:
        num_cpus: CPUs that it offers.
        options: Handed on to `ray.init`.

    Raises:
        ExecutionError: Ray did not start.
    """
    patiently(ray.init, address="local", num_cpus=num_cpus, include_dashboard=False, **options)


def patiently(start: Callable[..., R], *arguments: Any, **options: Any) -> R:
    """Start a part of Ray on this machine; again where the machine was too busy for it.

    Args:
        start: Starts it.
        arguments: Handed on.
        options: Handed on.

    Returns:
        What ``start`` returned.

    Raises:
        ExecutionError: It did not start.
    """
    for _ in range(_STARTS):
        before = set(psutil.Process().children(recursive=True))
        try:
            return start(*arguments, **options)
        except Exception as error:
            # Ray raises plain Exceptions here; any but these is not mended by patience.
            if not any(words in str(error) for words in _TOO_SLOW):
                raise
            last = error
            # What the failed start left running belongs to no node that could stop it.
            _end(set(psutil.Process().children(recursive=True)) - before)
    raise ExecutionError(
        f"Ray did not start on this machine in {_STARTS} tries: it is too busy, or has "
        "too little memory. Free some of it, or work without Ray: "
        "--set worker.num_workers=0"
    ) from last


def _started_here() -> bool:
    """Whether the Ray in use is a local one that this process has started."""
    node = ray._private.worker._global_node
    return node is not None and bool(node.is_head())


def _end(children: set[psutil.Process]) -> None:
    """Kill processes that Ray has started and lost sight of."""
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    pids = {child.pid for child in children}
    for thing in gc.get_objects():
        # Nobody else would wait for them: they would stay as zombies, and Python complain.
        # Its type, as asking some objects for their class runs code of theirs.
        if issubclass(type(thing), subprocess.Popen) and thing.pid in pids:
            thing.wait()


def _join(address: str) -> None:
    try:
        ray.init(address=address, **_QUIET)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ExecutionError(
            f"cannot join the Ray cluster at {address}: {reason}. Check that it runs and that "
            "RAY_AUTH_MODE and its token are those of the cluster, or unset RAY_ADDRESS"
        ) from error


def use_private_token() -> None:
    """Protect a local Ray by a token that only this process and its children know.

    Ray listens on all interfaces; without a token anyone on the network could run code. Ray turns
    token authentication on by itself, but would write its token to the user's home. The token
    stays for the life of the process, because Ray caches it. A RAY_AUTH_MODE of the user's own
    is left alone.
    """
    if "RAY_AUTH_MODE" not in os.environ:
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


def registered_by_user() -> dict[str, type[Forecaster]]:
    """Forecasters that workers do not know from importing this package."""
    package = __name__.partition(".")[0] + "."
    return {
        name: kind
        for name, kind in FORECASTERS.loaded().items()
        if not kind.__module__.startswith(package)
    }


def register_all(forecasters: Mapping[str, type[Forecaster]]) -> None:
    """Register what :func:`registered_by_user` found, in a worker."""
    for name, kind in forecasters.items():
        FORECASTERS.register(name)(kind)
