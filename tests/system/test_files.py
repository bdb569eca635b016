import csv
import json

import pytest

from stemdist_ray.system.files import (
    replacing_file,
    replacing_folder,
    unquoted_cell,
    write_csv,
    write_json,
    write_text,
)


def test_file_is_replaced_only_on_success(tmp_path):
    path = tmp_path / "a b'ü.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError), replacing_file(path) as aside:
        aside.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    with replacing_file(path) as aside:
        aside.write_text("new")
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_folder_is_replaced_only_on_success(tmp_path):
    path = tmp_path / "state"
    for text in ("old", "new"):
        with replacing_folder(path) as aside:
            (aside / "x").write_text(text)
    with pytest.raises(RuntimeError), replacing_folder(path) as aside:
        (aside / "x").write_text("half")
        raise RuntimeError
    assert (path / "x").read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["state"]


def test_json_has_no_nan(tmp_path):
    write_json(tmp_path / "a.json", {"x": [1.0, float("nan")], "y": (float("inf"),)})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": [1.0, None], "y": [None]}


def test_new_files_have_ordinary_permissions(tmp_path):
    plain = tmp_path / "plain"
    plain.write_text("")
    write_text(tmp_path / "ours", "")
    assert (tmp_path / "ours").stat().st_mode == plain.stat().st_mode


@pytest.mark.parametrize("text", ["=1+2", "+a", "-a", "@SUM(A1)", "\t=1", "=cmd|' /C x'!A0"])
def test_text_that_a_spreadsheet_would_compute_gets_an_apostrophe(tmp_path, text):
    write_csv(tmp_path / "a.csv", [{text: text, "n": -1.5, "t": "-2e3", "m": None, "p": "'x"}])
    with (tmp_path / "a.csv").open(newline="") as file:
        head, row = csv.reader(file)
    assert head == [f"'{text}", "n", "t", "m", "p"]
    assert row == [f"'{text}", "-1.5", "-2e3", "", "'x"]
    assert unquoted_cell(f"'{text}") == text
    assert unquoted_cell("'x") == "'x"


def test_a_carriage_return_in_a_cell_begins_no_row(tmp_path):
    write_csv(tmp_path / "a.csv", [{"a": "\r=1"}])
    assert (tmp_path / "a.csv").read_bytes() == b"a\n' =1\n"
