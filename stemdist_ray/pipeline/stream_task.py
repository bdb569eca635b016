"""Streaming a series is a task, too: the head of a cluster need not read what its workers use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp

from stemdist_ray.config import DataConfig
from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.data.streaming import Streamer, check_streamable, stream_source
from stemdist_ray.errors import DataError
from stemdist_ray.execution.executor import Executor


@dataclass(frozen=True)
class StreamTask:
    """Streaming a source into files.

    Args:
        name: For messages.
        source: An absolute path or pattern.
        files: Those that the driver sees.
        config: Data settings; paths in it are absolute.
        folder: An absolute one, where the files go; every attempt makes one of its own in it.
    """

    name: str
    source: str
    files: tuple[Path, ...]
    config: DataConfig
    folder: Path


def run_stream(_: object, task: StreamTask) -> PreparedSource:
    """See :func:`stemdist_ray.data.streaming.stream_source`.

    Raises:
        DataError: The source cannot be used, or this machine does not see it or the folder.
    """
    unseen = [path for path in (*task.files, task.folder) if not path.exists()]
    if unseen:
        raise DataError(
            f"{unseen[0]}: a worker does not see it; with streaming, source and output folder must "
            "be where all machines see them, under the same path"
        )
    # An attempt that was given up may still be writing.
    return stream_source(task.source, task.config, Path(mkdtemp(dir=task.folder)))


def streaming_by(executor: Callable[[], Executor]) -> Streamer:
    """Have a worker stream a source.

    Args:
        executor: Gives who runs the task; asked once the source has been found.
    """

    def stream(source: str | Path, config: DataConfig, folder: Path) -> PreparedSource:
        seen, locations = check_streamable(source, config).paths, config.locations_file
        # Workers on other machines stand in other folders.
        if locations is not None:
            locations = str(Path(locations).absolute())
        at = config.model_copy(update={"locations_file": locations})
        task = StreamTask(
            "reading",
            str(Path(source).absolute()),
            tuple(path.absolute() for path in seen),
            at,
            folder.absolute(),
        )
        prepared = executor().run(run_stream, [task], lambda done: None)[0]
        about = replace(prepared.description, source=str(source))
        return replace(prepared, config=config, description=about)

    return stream
