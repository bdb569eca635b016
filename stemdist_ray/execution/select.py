"""Which executor runs the tasks: in this process, or on Ray."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext

from stemdist_ray.config import WorkerConfig
from stemdist_ray.execution.executor import Executor
from stemdist_ray.execution.ledger import Execution
from stemdist_ray.execution.serial import SerialExecutor
from stemdist_ray.progress import Standing


def open_executor(
    data: object,
    config: WorkerConfig,
    most: int,
    given: Executor | None = None,
    *,
    name: str = "",
    say: Callable[[str], None] | None = None,
) -> AbstractContextManager[Executor]:
    """Serial for 0 workers, else Ray (imported only then).

    Args:
        data: Read by all tasks; never changed.
        config: Number and size of workers.
        most: Tasks that there are at a time; more workers would have nothing to do.
        given: One that is open already: it takes the data, and stays open afterwards.
        name: Of the run, for monitors; may be empty.
        say: Told of workers that are missing or lost; None = the log is.
    """
    if given is not None:
        given.share(data)
        return nullcontext(given)
    if config.num_workers == 0:
        return SerialExecutor(data)
    from stemdist_ray.execution.ray_workers import RayExecutor

    return RayExecutor(data, config, most, name, say)


class OnDemand:
    """An executor that is opened by the first who asks for it, and closed with this one.

    So what is wrong with a source is said without starting workers, and a source that workers read
    starts them before.

    Args:
        opened: Opens it.
    """

    def __init__(self, opened: Callable[[], AbstractContextManager[Executor]]) -> None:
        self._opened, self._stack = opened, ExitStack()
        self._executor: Executor | None = None
        self._since: Callable[[], tuple[Execution, ...]] = tuple

    def __call__(self) -> Executor:
        """The executor."""
        if self._executor is None:
            self._executor = executor = self._stack.enter_context(self._opened())
            ledger, begun = executor.ledger, executor.ledger.copy()
            self._since = lambda: ledger.since(begun)
        return self._executor

    def __enter__(self) -> OnDemand:
        """Nothing is opened yet."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close it, where it was opened; again does nothing."""
        self._executor = None
        self._stack.close()

    def executed(self) -> tuple[Execution, ...]:
        """Who ran what where, since it was opened here."""
        return self._since()

    def standing(self) -> Standing | None:
        """How far it is; any thread may ask."""
        executor = self._executor
        return None if executor is None else executor.standing
