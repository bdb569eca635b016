"""Whatever is read is right or refused in one line: no traceback, no silent wrong reading.

Generated: true series in every layout and format, damaged files, odd settings. The ordinary tests
draw the same few cases each time, those marked slow others every time. What one of them finds is
printed as a blob to be reproduced with, and deserves a small test of its own where it is mended.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydantic
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from stemdist_ray.config import DataConfig
from stemdist_ray.data.source import read_series
from stemdist_ray.errors import StemdistError
from stemdist_ray.system.memory import PeakMemory
from tests.cli.conftest import check_refused, run
from tests.data.any_input.damage import damaged
from tests.data.any_input.files import arrays, folders, grids, several
from tests.data.any_input.odd import meant, silly
from tests.data.any_input.tables import binary_tables, text_tables
from tests.data.any_input.truth import check

# Libraries whose opening fails half-way complain once more when they are thrown away.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

TRUE = st.one_of(
    text_tables(), text_tables(), binary_tables(), arrays(), grids(), folders(), several(), meant()
)
MOST_MIB = 1024.0
BUDGET = "512MiB"
# Text of variable length in HDF5: the library itself allocates what a damaged heap says (4 GiB at
# most), and there is no way to ask it before.
UNBOUNDED = (".nc",)


def few(count: int) -> settings:
    return settings(_COMMON, max_examples=count, derandomize=True)


def many(count: int) -> settings:
    return settings(_COMMON, max_examples=count, print_blob=True)


_COMMON = settings(
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],  # to make a case smaller may take longer than to find it
)


FOUND: Counter[str] = Counter()  # what became of the inputs of the test that runs


@pytest.fixture(autouse=True)
def told(record_property: Any) -> Iterator[None]:
    """What became of how many inputs, for the page on reliability."""
    FOUND.clear()
    yield
    if FOUND:
        parts = ", ".join(f"{count} {what}" for what, count in sorted(FOUND.items()))
        record_property("tried", f"{FOUND.total()} inputs: {parts}")


def is_right_or_refused(write: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        case = write(Path(folder))
        data = {"memory_budget": BUDGET, **case.data}
        with PeakMemory() as memory:
            before = memory.so_far()
            line = ""
            try:
                series = read_series(case.path, DataConfig(**data, read=case.read))
            except pydantic.ValidationError:
                line = "no such setting"  # which the command line tells by a line of its own
            except StemdistError as error:
                line = str(error)
        if line:
            assert len(line.splitlines()) == 1, (case.what, line)
        elif case.truth is not None and not case.what.endswith("damaged"):
            check(series, case.truth)
        if not case.what.startswith(UNBOUNDED):
            assert memory.peak_mib - before < MOST_MIB, case.what
        FOUND["refused in one line" if line else "read"] += 1


@few(150)
@given(TRUE)
def test_what_is_true(write):
    is_right_or_refused(write)


@few(80)
@given(damaged())
def test_damaged_files(write):
    is_right_or_refused(write)


@few(50)
@given(silly())
def test_odd_settings(write):
    is_right_or_refused(write)


@few(20)
@given(st.one_of(damaged(), TRUE))
def test_exit_codes(write):
    with tempfile.TemporaryDirectory() as folder:
        case = write(Path(folder))
        result = run("describe", case.path, "--json")
        if result.exit_code != 0:
            check_refused(result, "")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@many(700)
@given(TRUE)
def test_more_of_what_is_true(write):
    is_right_or_refused(write)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@many(700)
@given(st.one_of(text_tables(), binary_tables()))
def test_more_tables(write):
    is_right_or_refused(write)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@many(600)
@given(damaged())
def test_more_damaged_files(write):
    is_right_or_refused(write)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@many(400)
@given(silly())
def test_more_odd_settings(write):
    is_right_or_refused(write)
