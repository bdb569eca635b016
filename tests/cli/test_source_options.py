import inspect
import re

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from stemdist_ray.cli.app import app
from stemdist_ray.cli.flags import SETTING_FLAGS
from stemdist_ray.cli.source_options import OPTIONS, data_layer
from stemdist_ray.config import DataConfig, flatten
from tests.cli.conftest import check_refused, run

READING = ("describe", "convert", "distill", "train", "tune")


def test_every_option_is_a_setting():
    settings = flatten(DataConfig().model_dump())
    for option in OPTIONS:
        assert option.setting in settings or option.setting == "read.select"


def test_every_setting_of_readers_has_a_flag():
    taken = {o.setting for o in OPTIONS}
    assert {f"read.{name}" for name in DataConfig().read.model_dump()} <= taken
    by_setting = {o.setting: o.flag for o in OPTIONS}
    shown = {f"data.{name}": flag for name, flag in by_setting.items()}
    assert shown.items() <= SETTING_FLAGS.items()


def test_options_that_are_not_given_stay_out_of_the_layer():
    options = {o.setting: o for o in OPTIONS}
    assert data_layer(dict.fromkeys(OPTIONS)) == {}
    given = {"missing_values": [0.0], "season": 24, "read.select": ["level=850", "number=1"]}
    assert data_layer({options[name]: value for name, value in given.items()}) == {
        "missing_values": [0.0],
        "season": 24,
        "read": {"select": {"level": "850", "number": "1"}},
    }


@pytest.mark.parametrize("command", READING)
def test_commands_that_read_a_source_have_all_of_them(command):
    text = run(command, "--help").output
    windows_only = {"--season"} if command in ("describe", "convert") else set()
    for option in OPTIONS:
        shown = all(re.search(rf"{flag}\b", text) for flag in option.flag.split("/"))
        assert shown == (option.flag not in windows_only), option.flag
    (callback,) = [c.callback for c in app.registered_commands if c.callback.__name__ == command]
    assert "data" not in inspect.signature(callback).parameters


def test_they_reach_the_reader(tmp_path):
    for key, height in (("low", 1.0), ("high", 9.0)):
        stamps = pd.date_range("2024-01-01", periods=4, freq="h")
        values = height + np.arange(8.0).reshape(4, 2)
        pd.DataFrame(values, index=stamps, columns=["a", "b"]).to_hdf(tmp_path / "x.h5", key=key)
    with h5py.File(tmp_path / "x.h5") as file:
        assert set(file) == {"low", "high"}
    check_refused(run("describe", tmp_path / "x.h5"), "data.read.key (--key)")
    result = run("describe", tmp_path / "x.h5", "--key", "high", "--missing-value", 9)
    assert result.exit_code == 0
    assert "min 10" in result.output


def test_labels_of_dimensions(tmp_path):
    values = np.arange(2 * 3 * 2.0).reshape(3, 2, 2)
    levels = {"time": pd.date_range("2024-01-01", periods=3, freq="h"), "level": [850, 500]}
    xr.Dataset({"z": (("time", "level", "station"), values)}, levels).to_netcdf(tmp_path / "x.nc")
    check_refused(run("describe", tmp_path / "x.nc"), "data.read.select (--select), e.g. level=850")
    result = run("describe", tmp_path / "x.nc", "--select", "level=500")
    assert "3 steps x 2 locations" in result.output
    check_refused(run("describe", tmp_path / "x.nc", "--select", "level"), "DIMENSION=LABEL")


def test_options_that_say_nothing_about_a_format(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n3,4\n")
    check_refused(run("describe", tmp_path / "x.csv", "--key", "df"), "(--key) says nothing about")
