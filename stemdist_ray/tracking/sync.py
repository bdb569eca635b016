"""Deliver later what could not be delivered while runs went on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from stemdist_ray.config.secrets import conceal, redact, reveal
from stemdist_ray.errors import ArtifactError, ExecutionError
from stemdist_ray.tracking.delivery import Refused
from stemdist_ray.tracking.journal import Address, Leftover, Record, leftovers, remove
from stemdist_ray.tracking.mlflow import MlflowStore


@dataclass(frozen=True)
class Delivered:
    """What became of the records of a folder.

    Args:
        records: Delivered now.
        runs: Runs they belong to.
        refused: Records that the store will never take, with its reasons.
        alive: Journals that a run still writes to; it delivers them itself.
    """

    records: int
    runs: int
    refused: tuple[str, ...]
    alive: int


def sync(
    folder: Path, uri: str | None = None, say: Callable[[str], None] = lambda text: None
) -> Delivered:
    """Deliver all that waits in a folder and in those below it, oldest first.

    A record that was delivered is not delivered again: it is noted at once, and after a death in
    between, runs are found by their references and MLflow takes equal values once.

    Args:
        folder: Of a run, or of runs.
        uri: Store to deliver to; None = the one that each run was to be written to.
        say: Told one line per journal.

    Raises:
        ArtifactError: There is no such folder, or a journal is damaged.
        ConfigError: The password of a store is not known.
        ExecutionError: A store is out of reach; what waits goes on waiting.
    """
    if not folder.is_dir():
        raise ArtifactError(f"{folder} is no folder; give that of a run, or one with runs in it")
    stores: dict[Address, MlflowStore] = {}
    runs: set[str] = set()
    refused: list[str] = []
    records = alive = 0
    for path in leftovers(folder):
        try:
            left = Leftover(path)
        except BlockingIOError:
            alive += 1
            continue
        with closing(left):
            if not left.records:
                remove(path)
                continue
            to = left.address if uri is None else replace(left.address, uri=conceal(uri))
            address = replace(to, uri=reveal(to.uri))
            store = stores.setdefault(address, MlflowStore(address))
            waiting = list(left.records.items())
            for number, record in waiting:
                runs.add(record.run)
                reason = _deliver(store, record, left)
                if reason is None:
                    records += 1
                else:
                    refused.append(reason)
                left.delivered(number)
            say(f"{len(waiting)} records of {path.parent.parent}")
    return Delivered(records, len(runs), tuple(refused), alive)


def _deliver(store: MlflowStore, record: Record, left: Leftover) -> str | None:
    """Deliver a record; the reason where the store will never take it."""
    try:
        if store.fresh:
            store.check()
        store.deliver(record, again=True)
    except Refused as error:
        return redact(str(error))
    except Exception as error:  # whatever the store raises means that it is out of reach
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ExecutionError(
            f"MLflow at {redact(store.uri)} cannot be written: {redact(reason)}; "
            f"{len(left.records)} records of {left.path.parent.parent} go on waiting"
        ) from error
    return None
