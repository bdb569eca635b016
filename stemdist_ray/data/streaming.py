"""Series larger than memory: read block by block, scaled into a file, windows taken lazily.

Why not a stream of ready windows (as Ray Data would hand them out): windows overlap, so every
reading would be written and sent L + H times, and shuffling them needs a copy of all. A mapped file
holds each reading once; a step touches only the pages of its windows.

Axis letters: T steps, N locations, F features.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from glob import escape
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import pandas as pd

from stemdist_ray.config import DataConfig
from stemdist_ray.data.describe import SourceDescription, describe_blocks
from stemdist_ray.data.files import SourceFiles, source_files
from stemdist_ray.data.locations import with_coordinates
from stemdist_ray.data.mapped import open_mapped, read_rows, rewrite
from stemdist_ray.data.prepared import PreparedSource, Source, assemble, prepare_source
from stemdist_ray.data.readers import READERS
from stemdist_ray.data.regular import FILLED, regular_blocks
from stemdist_ray.data.scaler import Moments, Scaler
from stemdist_ray.data.series import OWN_STEP, SpatioTemporalSeries
from stemdist_ray.data.source import is_simulated, with_missing_values, with_time_stamps
from stemdist_ray.data.windows import WindowedSeries, resolve_target, split_starts
from stemdist_ray.errors import DataError, FolderInUseError
from stemdist_ray.progress import Reporter
from stemdist_ray.system.lease import Lease

Streamer = Callable[["str | Path", DataConfig, Path], PreparedSource]
"""Streams a source into a folder, as :func:`stream_source` does."""

BLOCK = 64 * 2**20  # bytes of readings held at once
_SURELY_OWNED = 60.0  # seconds after which whoever made a folder has put its name into it


@contextmanager
def opened_source(
    source: Source | PreparedSource,
    config: DataConfig,
    streaming: bool,
    folder: Path,
    reporter: Reporter,
    stream: Streamer | None = None,
) -> Iterator[PreparedSource]:
    """Prepare a source in memory, or stream it into files that are gone when the block ends.

    Args:
        source: The series.
        config: Data settings.
        streaming: Whether it is larger than memory.
        folder: Output folder; the files of a streamed series lie beside it.
        reporter: Is told where the files are.
        stream: Who streams it; None = this process.

    Raises:
        DataError: It cannot be read, or not in blocks.
        ConfigError: It was prepared with other data settings.
    """
    if not streaming or isinstance(source, PreparedSource):
        yield prepare_source(source, config)
        return
    if not isinstance(source, str | Path):
        name = source.name if isinstance(source, SpatioTemporalSeries) else type(source).__name__
        raise DataError(f"{name} is in memory already; leave streaming out")
    check_streamable(source, config)  # refused before anything is made
    prefix, beside = f"{folder.name}.series-", folder.absolute().parent
    beside.mkdir(parents=True, exist_ok=True)
    _sweep(beside, prefix)
    with TemporaryDirectory(prefix=prefix, dir=beside) as files, Lease(Path(files)):
        reporter.say(f"streaming {source} into {files}")
        yield (stream or stream_source)(source, config, Path(files))


def _sweep(beside: Path, prefix: str) -> None:
    """Remove what streaming runs left that were killed: as much as a whole series each."""
    for left in beside.glob(f"{escape(prefix)}*"):
        # A folder that was made this moment may not have its owner's name in it yet.
        if time.time() - left.stat().st_mtime < _SURELY_OWNED:
            continue
        with suppress(FolderInUseError):
            with Lease(left):
                pass
            shutil.rmtree(left, ignore_errors=True)


def check_streamable(source: str | Path, config: DataConfig) -> SourceFiles:
    """The files of a source that is to be streamed.

    Raises:
        DataError: There are none, they cannot be read in blocks, or not with these settings.
    """
    path = Path(source)
    if is_simulated(source):
        raise DataError(f"{source} is simulated in memory; streaming is for files")
    files = source_files(source)
    reader = files.reader
    if reader.stream is None:
        known = ", ".join(sorted(r.name for r in READERS.values() if r.stream is not None))
        raise DataError(
            f"{path}: {reader.name} cannot be read in blocks; formats that can: {known}. Leave "
            "streaming out, or set streaming=false where a data set brings it, to read it into "
            "memory"
        )
    reader.check(path, config.read)
    if config.read.resample is not None:
        raise DataError(
            f"{path}: a series is not brought to common steps while it is streamed; leave "
            "data.read.resample or streaming out"
        )
    return files


def stream_source(source: str | Path, config: DataConfig, folder: Path) -> PreparedSource:
    """Read a source block by block and prepare it like :func:`stemdist_ray.data.prepared.prepare`.

    Args:
        source: A path in a format that can be read in blocks.
        config: Data settings.
        folder: An empty folder for the scaled readings (as large as the series in float32, and a
            quarter more where readings are missing).

    Raises:
        DataError: The format cannot be read in blocks, or the series cannot be used.
    """
    files = check_streamable(source, config)
    stream = files.reader.stream
    assert stream is not None
    following = chain.from_iterable(stream(file, config.read, BLOCK) for file in files.paths)
    blocks = regular_blocks(_configured(following, config))
    raw = _write_blocks(blocks, folder)
    if config.locations_file is not None:
        raw = replace(raw, first=with_coordinates(raw.first, Path(config.locations_file)))
    description = _describe(raw, str(source), files.reader.name)  # before they are scaled in place
    return _scale(raw, config, description)


@dataclass(frozen=True)
class _Raw:
    """What the first pass left behind.

    Args:
        first: The first block, for everything that all blocks share.
        shape: (T, N, F).
        times: (T,) or None.
        values: File of float32, NaN where missing.
        observed: File of one byte per entry.
        missing: How many entries of the series itself are missing.
        filled: Steps for which the source has no row.
    """

    first: SpatioTemporalSeries
    shape: tuple[int, int, int]
    times: npt.NDArray[np.datetime64] | None
    values: Path
    observed: Path
    missing: int
    filled: int

    @property
    def steps_per_block(self) -> int:
        """A multiple of 8, so that the bits of a block's mask fill whole bytes."""
        steps = BLOCK // (4 * self.shape[1] * self.shape[2])
        return max(8, steps // 8 * 8)

    def map(self) -> npt.NDArray[np.float32]:
        """The readings."""
        return open_mapped(self.values, self.shape, "<f4")

    def map_observed(self) -> npt.NDArray[np.bool_] | None:
        """The mask, None where nothing is missing."""
        return open_mapped(self.observed, self.shape, "|b1") if self.missing else None

    def blocks(self) -> Iterator[slice]:
        """Cut the steps into blocks."""
        for first in range(0, self.shape[0], self.steps_per_block):
            yield slice(first, min(self.shape[0], first + self.steps_per_block))


def _configured(
    blocks: Iterator[SpatioTemporalSeries], config: DataConfig
) -> Iterator[SpatioTemporalSeries]:
    """Apply the data settings to every block."""
    start = config.start
    for block in blocks:
        ready = with_missing_values(block, config.missing_values)
        ready = with_time_stamps(ready, start, config.sampling_step)
        if start is not None and ready.times is not None:
            step = config.sampling_step or block.attributes[OWN_STEP]
            following = pd.date_range(ready.times[-1], periods=2, freq=step)
            start = str(following[1])
        yield ready


def _write_blocks(blocks: Iterator[SpatioTemporalSeries], folder: Path) -> _Raw:
    values, observed = folder / "values.f32", folder / "observed.u8"
    first, steps, missing, filled = None, 0, 0, 0
    stamps: list[npt.NDArray[np.datetime64]] = []
    with ExitStack() as stack:
        numbers, flags = (stack.enter_context(p.open("wb")) for p in (values, observed))
        for block in blocks:
            _check_next(block, first, stamps)
            first = first or block
            steps += block.num_steps
            filled += int(block.attributes.get(FILLED, 0))
            seen = np.ones(block.values.shape, bool) if block.mask is None else block.mask
            missing += int(np.count_nonzero(~seen))
            numbers.write(block.values.data)
            flags.write(np.ascontiguousarray(seen).data)
            if block.times is not None:
                stamps.append(block.times)
    if first is None:
        raise DataError(f"{folder}: the source holds no step")
    shape = (steps, first.num_locations, first.num_features)
    if missing == shape[0] * shape[1] * shape[2]:
        raise DataError(f"{first.name}: every entry is missing; nothing can be learned from it")
    return _Raw(
        first=first,
        shape=shape,
        times=np.concatenate(stamps) if stamps else None,
        values=values,
        observed=observed,
        missing=missing,
        filled=filled,
    )


def _check_next(
    block: SpatioTemporalSeries,
    first: SpatioTemporalSeries | None,
    stamps: list[npt.NDArray[np.datetime64]],
) -> None:
    if first is None:
        return
    if block.location_ids != first.location_ids or block.feature_names != first.feature_names:
        raise DataError(f"{first.name}: locations or features change from one block to the next")
    if stamps and block.times is not None and block.times[0] <= stamps[-1][-1]:
        raise DataError(
            f"{first.name}: time stamps must increase; {block.times[0]} follows {stamps[-1][-1]}. "
            "Sort the rows by time to stream them"
        )


def _scale(raw: _Raw, config: DataConfig, description: SourceDescription) -> PreparedSource:
    """Fit the scaler on train, scale the file in place, index the windows."""
    first = raw.first
    target = resolve_target(first, config.target)
    starts, train_steps = split_starts(first.name, raw.shape[0], config)
    moments = Moments.of(raw.map(), train_steps)
    scaler = Scaler.of_moments(moments, first.feature_names, first.name, train_steps)
    rewrite(
        raw.values,
        raw.shape,
        raw.steps_per_block,
        lambda block: np.nan_to_num(scaler.transform(block), copy=False, nan=0.0),
    )
    return assemble(
        WindowedSeries(raw.map(), raw.map_observed(), target, config.lookback, config.horizon),
        starts,
        scaler,
        train_steps,
        like=first,
        times=raw.times,
        description=description,
        config=config,
    )


def _describe(raw: _Raw, source: str, kind: str) -> SourceDescription:
    numbers, mask = raw.map(), raw.map_observed()
    return describe_blocks(
        raw.first,
        source,
        kind,
        raw.shape[0],
        raw.missing,
        (read_rows(numbers, rows) for rows in raw.blocks()),
        () if mask is None else (read_rows(mask, rows) for rows in raw.blocks()),
        raw.times,
        raw.filled,
    )
