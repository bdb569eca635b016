import json

import pytest

from stemdist_ray.data.readers.canonical import is_canonical
from stemdist_ray.data.source import read_series
from stemdist_ray.data.writers import write_series
from stemdist_ray.errors import DataError


def test_round_trip_keeps_everything(tmp_path, traffic):
    path = write_series(traffic, tmp_path / "folder")
    assert is_canonical(path)
    back = read_series(path)
    assert back.content_hash() == traffic.content_hash()
    assert back.name == traffic.name
    assert back.units == traffic.units


def test_another_version(tmp_path, traffic):
    path = write_series(traffic, tmp_path / "folder")
    meta = json.loads((path / "series.json").read_text())
    (path / "series.json").write_text(json.dumps(meta | {"version": 99}))
    with pytest.raises(DataError, match="version 99, expected 1"):
        read_series(path)


@pytest.mark.parametrize("name", ["values.arrow", "locations.arrow"])
def test_missing_part(tmp_path, traffic, name):
    path = write_series(traffic, tmp_path / "folder")
    (path / name).unlink()
    with pytest.raises(DataError, match="damaged folder"):
        read_series(path)


def test_broken_description(tmp_path, traffic):
    path = write_series(traffic, tmp_path / "folder")
    (path / "series.json").write_text("{")
    with pytest.raises(DataError, match="damaged folder"):
        read_series(path)
