import json

import pytest

from tests.cli.conftest import SOURCE, check_refused, run


def test_text_and_json():
    text = run("describe", SOURCE).output
    assert "400 steps x 24 locations" in text
    assert "speed (km/h)" in text
    tree = json.loads(run("describe", SOURCE, "--json").output)
    assert tree["locations"] == 24
    assert tree["statistics"][0]["mean"] > 50
    assert (tree["season"]["unit"], tree["season"]["slots"]) == ("day", 288)


def test_options(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b\n0,1\n2,3\n")
    options = ["--missing-value", "0", "--start", "2024-01-01", "--sampling-step", "1h"]
    tree = json.loads(run("describe", path, "--json", *options).output)
    assert tree["missing_share"] == 0.25
    assert tree["sampling_seconds"] == 3600
    assert "zeros count as readings" in run("describe", path).output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.csv"], "no such file"),
        (["sim:rain"], "unknown simulation"),
        (["demo", "--start", "2024-01-01"], "leave out data.start"),
        (["demo", "--missing-value", "inf"], "finite"),
    ],
)
def test_bad_input(arguments, words):
    check_refused(run("describe", *arguments), words)
