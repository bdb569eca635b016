"""Writes infra/RELIABILITY.md from a test run: `pytest --reliability FILE`.

Only the tests that rows.yaml names are run. A test says how many cases it tried with
``record_property("tried", "600 of 600 flips named")``.
"""

import datetime
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from stemdist_ray.system.environment import hardware, package_versions

HERE = Path(__file__).parent
NOT_TRIED = HERE / "not_tried.md"


@dataclass
class Row:
    """One fault.

    Args:
        fault: What goes wrong.
        done: How it is brought about.
        wanted: What should become of it.
        tests: Node ids, or files.
    """

    fault: str
    done: str
    wanted: str
    tests: list
    passed: int = 0
    failed: list = field(default_factory=list)
    skipped: list = field(default_factory=list)
    tried: list = field(default_factory=list)

    def has(self, nodeid):
        """Whether a test is one of this row's."""
        return any(nodeid == t or nodeid.startswith((f"{t}::", f"{t}[")) for t in self.tests)

    def outcome(self):
        """What became of it, in words."""
        parts = list(self.tried)
        if self.passed:
            parts.append(f"{self.passed} test{'s'[: self.passed > 1]} passed")
        if self.failed:
            parts.append(f"**{len(self.failed)} failed**: " + ", ".join(map(name_of, self.failed)))
        if self.skipped:
            reasons = ", ".join(sorted(set(self.skipped)))
            parts.append(f"{len(self.skipped)} not run here ({reasons})")
        return "; ".join(parts) or "not run this time"


def name_of(nodeid):
    """A test by its own name."""
    return "`" + nodeid.rpartition("::")[2] + "`"


def read_rows():
    """The catalogue: (section, rows) in order."""
    tree = yaml.safe_load((HERE / "rows.yaml").read_text())
    return [(part["section"], [Row(**row) for row in part["rows"]]) for part in tree]


class Reliability:
    """Collects what became of the tests and writes the page at the end.

    Args:
        path: Of the page.
    """

    def __init__(self, path):
        self.path, self.sections = path, read_rows()

    def rows_of(self, nodeid):
        """The rows that a test belongs to."""
        return [row for _, rows in self.sections for row in rows if row.has(nodeid)]

    def pytest_collection_modifyitems(self, config, items):
        """Leave out all other tests."""
        others = [item for item in items if not self.rows_of(item.nodeid)]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if self.rows_of(item.nodeid)]

    def pytest_runtest_logreport(self, report):
        """Note the outcome of one phase of a test."""
        for row in self.rows_of(report.nodeid):
            if report.failed and report.nodeid not in row.failed:
                row.failed.append(report.nodeid)
            elif report.skipped:
                row.skipped.append(str(report.longrepr[2]).removeprefix("Skipped: "))
            elif report.passed and report.when == "call":
                row.passed += 1
            if report.when == "teardown":  # the last report of a test has all that it recorded
                row.tried += [text for key, text in report.user_properties if key == "tried"]

    def pytest_sessionfinish(self, session):
        """Write the page; with several processes only the one that collects does."""
        if not hasattr(session.config, "workerinput"):
            self.path.write_text(self.page())

    def page(self):
        """The page as Markdown."""
        about, versions = hardware(), package_versions()
        told = ", ".join(f"{k} {versions[k]}" for k in ("python", "ray", "torch", "mlflow"))
        lines = [
            "# Reliability",
            "",
            "What can go wrong, what was done to make it go wrong, and what became of it. Written",
            "by `make reliability` from the tests that it ran, those marked `slow` included",
            f"({datetime.date.today()}; {about['system']} {about['machine']}, {about['cpu_count']} "
            f"cores, {about['memory_gib']} GiB, GPUs: {about['gpus']}; {told}).",
        ]
        for section, rows in self.sections:
            lines += ["", f"## {section}", "", "| fault | what was done | wanted | outcome |"]
            lines += ["|---|---|---|---|"]
            lines += [f"| {r.fault} | {r.done} | {r.wanted} | {r.outcome()} |" for r in rows]
        return "\n".join([*lines, "", NOT_TRIED.read_text()])


def pytest_addoption(parser):
    """Add ``--reliability FILE``."""
    parser.addoption("--reliability", metavar="FILE", help="write what became of faults")


def pytest_configure(config):
    """Register the collector where it is asked for."""
    path = config.getoption("--reliability")
    if path:
        config.pluginmanager.register(Reliability(Path(path)), "reliability")
