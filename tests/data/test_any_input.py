"""Whatever is read is right or refused in one line: no traceback, no silent wrong reading."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stemdist_ray.config import DataConfig
from stemdist_ray.data.source import read_series
from stemdist_ray.errors import StemdistError
from tests.data.any_input.tables import binary_tables, text_tables
from tests.data.any_input.truth import check

QUIET = {
    "deadline": None,
    "database": None,
    "suppress_health_check": list(HealthCheck),
}


def is_right_or_refused(write):
    with tempfile.TemporaryDirectory() as folder:
        case = write(Path(folder))
        try:
            series = read_series(case.path, DataConfig(**case.data, read=case.read))
        except StemdistError as error:
            assert "\n" not in str(error).strip(), str(error)
            return f"refused: {error}"
        check(series, case.truth)
        return "right"


TRUE = st.one_of(text_tables(), binary_tables())


@settings(max_examples=170, derandomize=True, **QUIET)
@given(TRUE)
def test_true(write):
    is_right_or_refused(write)
