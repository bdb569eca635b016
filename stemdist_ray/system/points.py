"""The named points of a run: moments after which it may die and must still be gone on with.

Code calls :func:`reached`; a test listens, kills the process there, and runs it again.
"""

from __future__ import annotations

from collections.abc import Callable

POINTS = {
    "folder made": "the output folder is there, nothing is in it but the lease",
    "source read": "the source is read and prepared",
    "run remembered": "the tracking run is written down",
    "base fitted": "the base is fitted",
    "teacher member trained": "a member of the teacher is trained and kept",
    "teacher trained": "the teacher is trained",
    "clusters found": "the locations are clustered",
    "start taught": "the start has its targets, and no checkpoint is written",
    "checkpoint begun": "an empty folder waits for a checkpoint",
    "checkpoint half written": "some files of a checkpoint are written",
    "checkpoint written": "all files of a checkpoint are written, under another name",
    "checkpoint named": "a checkpoint has its name, the pointer shows the one before",
    "checkpoint pointed to": "the pointer shows a checkpoint, those before are still there",
    "checkpoint saved": "a checkpoint is saved and those before are removed",
    "rounds done": "the last round is over, the data set is not begun",
    "data set begun": "an empty folder waits for a data set",
    "data set half written": "some files of a data set are written",
    "data set written": "all files of a data set are written, in a folder aside",
    "data set half swapped": "some files of a data set are in their place",
    "data set all but swapped": "all files of a data set but the manifest are in their place",
    "data set swapped": "the manifest is in its place, too",
    "run finished": "all of a distillation is done",
    "evaluation computed": "an evaluation is computed and not written",
    "evaluation written": "an evaluation is written",
    "training begun": "the folder of a training is made, nothing is trained",
    "epoch saved": "the checkpoint of a training is written",
    "training done": "the last epoch is over, the forecaster is not written",
    "forecaster written": "the trained forecaster is written, the record of its training is not",
    "training recorded": "all of a training is done",
}

_listeners: list[Callable[[str], None]] = []


def reached(point: str) -> None:
    """Tell the listeners, of which there are none but in tests."""
    if point not in POINTS:
        raise KeyError(f"{point!r} is none of the named points of a run")
    for listener in _listeners:
        listener(point)


def listen(listener: Callable[[str], None]) -> None:
    """Have a function called at every point, with its name."""
    _listeners.append(listener)
