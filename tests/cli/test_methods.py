import json

from typer.testing import CliRunner

from stemdist_ray.baselines import available
from stemdist_ray.cli.app import app


def test_lists_all_methods():
    text = CliRunner().invoke(app, ["methods"], env={"COLUMNS": "200"})
    assert text.exit_code == 0
    for name in available():
        assert name in text.stdout


def test_as_json():
    found = json.loads(CliRunner().invoke(app, ["methods", "--json"]).stdout)
    assert sorted(row["name"] for row in found) == available()
    assert {
        "name",
        "summary",
        "compresses",
        "teacher",
        "experts",
        "source",
        "deviations",
        "options",
    } == {*found[0]}
