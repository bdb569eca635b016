import io
import json

from rich.console import Console

from jobs.benchmarks.figures import write_figures


def test_figures_name_command_hardware_and_versions(tmp_path):
    said = io.StringIO()
    write_figures(tmp_path / "f.json", "python x", {"ratios": {"a": 2}}, Console(file=said))
    tree = json.loads((tmp_path / "f.json").read_text())
    assert tree["command"] == "python x"
    assert tree["ratios"] == {"a": 2}
    assert {"hardware", "versions"} <= set(tree)
    assert "wrote" in said.getvalue()


def test_nowhere_is_not_said():
    said = io.StringIO()
    write_figures(None, "python x", {}, Console(file=said))
    assert said.getvalue() == ""
