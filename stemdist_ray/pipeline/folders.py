"""Output folders: owned by one run at a time, and what exists is never lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

from stemdist_ray.artifact.checkpoint import CHECKPOINT, CheckpointStore
from stemdist_ray.artifact.generation import MANIFEST, NEXT, finish_swap
from stemdist_ray.errors import ArtifactError
from stemdist_ray.pipeline.track import TRACKING
from stemdist_ray.progress import Reporter
from stemdist_ray.system.files import sweep
from stemdist_ray.system.lease import LEASE, Lease
from stemdist_ray.system.outputs import check_local, check_writable, move_aside, why_not_writable
from stemdist_ray.system.points import reached
from stemdist_ray.tracking.journal import UNDELIVERED

Begun = Callable[[Path], bool]


def has_checkpoint(folder: Path) -> bool:
    """Whether a distillation in a folder can be gone on with."""
    return CheckpointStore(folder).exists()


def check_folder(
    folder: Path,
    *,
    resume: bool,
    overwrite: bool,
    checkpoint: str = CHECKPOINT,
    begun: Begun = has_checkpoint,
) -> None:
    """Refuse an output folder that holds something, unless resuming or told to move it aside.

    What a run of ours left that never came to its first checkpoint counts as nothing.

    Args:
        folder: The folder.
        resume: Whether a run in it is gone on with, where one was begun.
        overwrite: Whether it may be moved aside.
        checkpoint: What a run that can be gone on with has in its folder.
        begun: Whether there is one.

    Raises:
        ArtifactError: The folder is taken, or cannot be written to.
        ConfigError: It is an address such as ``s3://bucket/run``.
    """
    check_local(folder)
    if folder.exists() and not folder.is_dir():
        raise ArtifactError(f"{folder} is a file; expected a new or empty folder for `out`")
    check_writable(folder)
    if overwrite or not holds_something(folder, checkpoint, begun):
        return
    can_go_on = begun(folder)
    if resume and can_go_on:
        return
    state = "a finished run" if (folder / MANIFEST).exists() else "files"
    hint = "go on with resume=True, " if can_go_on else ""
    lacking = ", and no checkpoint to resume" if resume else ""
    raise ArtifactError(
        f"{folder} holds {state} already{lacking}; {hint}choose another `out`, or move it aside "
        "with overwrite=True"
    )


def holds_something(folder: Path, checkpoint: str, begun: Begun) -> bool:
    """Whether a folder holds more than what a run of ours left that never really began."""
    if not folder.is_dir():
        return False
    nothing = {LEASE, TRACKING, UNDELIVERED}
    if not (folder / NEXT / MANIFEST).exists():
        nothing.add(NEXT)
    if not begun(folder):
        nothing.add(checkpoint)
    names = {path.name for path in folder.iterdir() if not _is_leftover(path.name)}
    return bool(names - nothing)


def _is_leftover(name: str) -> bool:
    return name.startswith(".") and name.endswith((".tmp", ".old"))


class RunFolder:
    """An output folder while one run owns it; other runs that want it are refused meanwhile.

    Args:
        folder: The folder, existing or not.
        checkpoint: What a run that can be gone on with has in its folder.
        begun: Whether there is one.
        resume: Go on with the run in it, where one was begun.
        overwrite: Move what is there aside to ``<folder>.previous``.

    Raises:
        FolderInUseError: Another run owns it.
        ArtifactError, ConfigError: See :func:`check_folder`.
    """

    def __init__(
        self,
        folder: Path,
        checkpoint: str = CHECKPOINT,
        begun: Begun = has_checkpoint,
        *,
        resume: bool,
        overwrite: bool,
    ) -> None:
        self.folder, self._wanted, self._overwrite = folder, resume, overwrite
        self._checkpoint, self._begun = checkpoint, begun
        self._stack: ExitStack | None = None
        self.resumes = False

    def __enter__(self) -> RunFolder:
        """Own the folder where it is there already; nothing else in it is changed."""
        self._check()
        if self.folder.is_dir():
            self._own()
            try:
                self._check()  # now that nobody else can change it
                self.resumes = self._wanted and self._begun(self.folder)
            except BaseException:
                self.__exit__(None, None, None)
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give it back."""
        if self._stack is not None:
            self._stack.close()
            self._stack = None

    def say_if_anew(self, reporter: Reporter) -> None:
        """Say that there is nothing to go on with, where that was asked for."""
        if self._wanted and not self.resumes:
            reporter.say(f"{self.folder} holds nothing to resume yet; starting from the beginning")

    def make(self) -> None:
        """Make the folder ready to be written to; what is there steps aside, or goes on.

        Raises:
            ArtifactError: It cannot be made, or was taken meanwhile.
        """
        if self._stack is None:
            self._create()
            self._check()
        if self.resumes:
            sweep(self.folder)
            finish_swap(self.folder)
            return
        if holds_something(self.folder, self._checkpoint, self._begun):
            if not self._overwrite:
                raise ArtifactError(
                    f"{self.folder} was taken by another run meanwhile; start again"
                )
            self._move_aside()
            self._create()
        self._clear()
        reached("folder made")

    def _clear(self) -> None:
        """Remove what a run left that never really began, but for what is still of use."""
        for path in self.folder.iterdir():
            if path.name in (LEASE, UNDELIVERED):
                continue  # its records are still to be delivered
            if self._wanted and path.name == CHECKPOINT == self._checkpoint and path.is_dir():
                CheckpointStore(self.folder).clear()
            else:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _check(self) -> None:
        check_folder(
            self.folder,
            resume=self._wanted,
            overwrite=self._overwrite,
            checkpoint=self._checkpoint,
            begun=self._begun,
        )

    def _create(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ArtifactError(f"{self.folder} cannot be created: {error.strerror}") from error
        self._own()

    def _own(self) -> None:
        self._stack = ExitStack()
        self._stack.enter_context(Lease(self.folder))

    def _move_aside(self) -> None:
        self.__exit__(None, None, None)
        move_aside(self.folder)


@contextmanager
def owned(folder: Path) -> Iterator[str | None]:
    """Own the folder of a finished run while something is added to it.

    Yields:
        Why nothing can be added to it; None where it can.

    Raises:
        FolderInUseError: Another run owns it.
    """
    reason = why_not_writable(folder) if folder.is_dir() else "it is no folder"
    if reason is not None:
        yield reason
        return
    with Lease(folder):
        finish_swap(folder)
        yield None
