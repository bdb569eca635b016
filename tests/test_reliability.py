"""infra/RELIABILITY.md names every fault that is tried, and every test that tries it exists."""

import ast
from types import SimpleNamespace

from tests.conftest import ROOT
from tests.reliability.plugin import Reliability, read_rows

PAGE = ROOT / "infra" / "RELIABILITY.md"


def rows():
    return [row for _, rows in read_rows() for row in rows]


def test_the_tests_of_every_row_exist():
    missing = []
    for row in rows():
        for test in row.tests:
            file, _, name = test.partition("::")
            path = ROOT / file
            known = set()
            if path.exists():
                known = {n.name for n in ast.parse(path.read_text()).body if hasattr(n, "name")}
            if not path.exists() or (name and name not in known):
                missing.append(test)
    assert missing == []


def test_the_page_is_of_these_rows_and_none_of_them_failed():
    page = PAGE.read_text()
    told = [line for line in page.splitlines() if line.startswith("| ")]
    for row in rows():
        (line,) = [line for line in told if line.startswith(f"| {row.fault} | {row.done} |")]
        assert "failed**" not in line
    assert "What could not be tried here" in page


def report(nodeid, when, outcome, properties=()):
    return SimpleNamespace(
        nodeid=nodeid, when=when, user_properties=list(properties),
        passed=outcome == "passed", failed=outcome == "failed", skipped=outcome == "skipped",
        longrepr=("file", 1, "Skipped: no browser"),
    )  # fmt: skip


def test_what_became_of_tests_is_on_the_page(tmp_path):
    collected = Reliability(tmp_path / "page.md")
    damage = "tests/faults/test_damage.py::test_all_damage_is_named[flip-600]"
    tried = [("tried", "600 of 600 flips named"), ("other", "x")]
    for when in ("setup", "call", "teardown"):
        collected.pytest_runtest_logreport(report(damage, when, "passed", tried))
    other = "tests/cli/test_ui.py::test_a[x]"
    collected.pytest_runtest_logreport(report(other, "setup", "passed"))
    collected.pytest_runtest_logreport(report(other, "call", "failed"))
    browser = "tests/ui/test_browser.py::test_a_report_runs_and_loads_nothing"
    collected.pytest_runtest_logreport(report(browser, "setup", "skipped"))
    collected.pytest_runtest_logreport(report("tests/other.py::test_b", "call", "failed"))
    collected.pytest_sessionfinish(SimpleNamespace(config=SimpleNamespace()))
    page = (tmp_path / "page.md").read_text()
    assert "| 600 of 600 flips named; 1 test passed |" in page
    assert "**1 failed**: `test_a[x]`" in page
    assert "1 not run here (no browser)" in page
    assert "test_b" not in page

    # A later run of one of them leaves the others as they were found.
    again = Reliability(tmp_path / "page.md")
    for when in ("setup", "call", "teardown"):
        again.pytest_runtest_logreport(report(other, when, "passed"))
    again.pytest_sessionfinish(SimpleNamespace(config=SimpleNamespace()))
    page = (tmp_path / "page.md").read_text()
    assert "| 600 of 600 flips named; 1 test passed |" in page
    assert "failed**" not in page


def test_processes_that_help_write_nothing(tmp_path):
    session = SimpleNamespace(config=SimpleNamespace(workerinput={}))
    Reliability(tmp_path / "page.md").pytest_sessionfinish(session)
    assert not (tmp_path / "page.md").exists()
