"""Writes infra/RELIABILITY.md from a test run: `pytest --reliability FILE`.

Only the tests that rows.yaml names are run. A test says how many cases it tried with
``record_property("tried", "600 of 600 flips named")``. What became of every test is kept beside the
page as JSON: a run of some of them renews these and leaves the others as they were found last.
"""

import datetime
import json
from dataclasses import dataclass
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

    def has(self, nodeid):
        """Whether a test is one of this row's."""
        return any(nodeid == t or nodeid.startswith((f"{t}::", f"{t}[")) for t in self.tests)

    def outcome(self, found):
        """What became of it, in words, of what became of every test."""
        own = [(test, entry) for test, entry in sorted(found.items()) if self.has(test)]
        failed = [test for test, entry in own if entry["outcome"] == "failed"]
        skipped = [entry for _, entry in own if entry["outcome"] == "skipped"]
        passed = len(own) - len(failed) - len(skipped)
        parts = [text for _, entry in own for text in entry["tried"]]
        if passed:
            parts.append(f"{passed} test{'s'[: passed > 1]} passed")
        if failed:
            parts.append(f"**{len(failed)} failed**: " + ", ".join(map(name_of, failed)))
        if skipped:
            reasons = ", ".join(sorted({entry["reason"] for entry in skipped}))
            parts.append(f"{len(skipped)} not run here ({reasons})")
        return "; ".join(parts) or "not run yet"


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
        self.kept = path.with_name(f"{path.stem.lower()}.json")
        known = json.loads(self.kept.read_text()) if self.kept.exists() else {}
        self.found = {test: entry for test, entry in known.items() if self.rows_of(test)}

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
        if not self.rows_of(report.nodeid):
            return
        if report.when == "setup":
            self.found[report.nodeid] = {"outcome": "passed", "tried": [], "reason": ""}
        entry = self.found[report.nodeid]
        if report.failed:
            entry["outcome"] = "failed"
        elif report.skipped:
            reason = str(report.longrepr[2]).removeprefix("Skipped: ")
            entry |= {"outcome": "skipped", "reason": reason}
        if report.when == "teardown":  # the last report of a test has all that it recorded
            entry["tried"] = [text for key, text in report.user_properties if key == "tried"]

    def pytest_sessionfinish(self, session):
        """Write the page; with several processes only the one that collects does."""
        if not hasattr(session.config, "workerinput"):
            self.kept.write_text(json.dumps(self.found, indent=1, sort_keys=True) + "\n")
            self.path.write_text(self.page())

    def page(self):
        """The page as Markdown."""
        about, versions = hardware(), package_versions()
        told = ", ".join(f"{k} {versions[k]}" for k in ("python", "ray", "torch", "mlflow"))
        lines = [
            "# Reliability",
            "",
            "What can go wrong, what was done to make it go wrong, and what became of it. Written",
            "by `make reliability` from what became of its tests, slow ones included, as",
            "`reliability.json` has it; a run of some of them renews these. Last run "
            f"{datetime.date.today()}: {about['system']} {about['machine']}, {about['cpu_count']} "
            f"cores, {about['memory_gib']} GiB, GPUs: {about['gpus']}; {told}.",
        ]
        for section, rows in self.sections:
            lines += ["", f"## {section}", "", "| fault | what was done | wanted | outcome |"]
            lines += ["|---|---|---|---|"]
            lines += [
                f"| {r.fault} | {r.done} | {r.wanted} | {r.outcome(self.found)} |" for r in rows
            ]
        return "\n".join([*lines, "", NOT_TRIED.read_text()])


def pytest_addoption(parser):
    """Add ``--reliability FILE``."""
    parser.addoption("--reliability", metavar="FILE", help="write what became of faults")


def pytest_configure(config):
    """Register the collector where it is asked for."""
    path = config.getoption("--reliability")
    if path:
        config.pluginmanager.register(Reliability(Path(path)), "reliability")
