import numpy as np
import pytest

from stemdist_ray.artifact.base_files import load_base, save_base
from stemdist_ray.config import DataConfig
from stemdist_ray.data.prepared import prepare
from stemdist_ray.errors import ArtifactError
from stemdist_ray.forecasters.closed_form.fit_base import fit_base


def sources(hourly):
    """With a season of days, without one, with calendar columns, with few locations."""
    config, plain = DataConfig(lookback=6, horizon=4), hourly.with_changes(times=None)
    few = {"values": hourly.values[:, :3], "mask": None, "location_ids": hourly.location_ids[:3]}
    return {
        "hours": prepare(hourly, config),
        "no season": prepare(plain, config),
        "calendar": prepare(hourly, config.model_copy(update={"season": 12})),
        "three": prepare(hourly.with_changes(**few), config),
    }


@pytest.mark.parametrize("kind", ["seasonal_linear", "ridge"])
@pytest.mark.parametrize("name", ["hours", "no season", "calendar", "three"])
def test_a_base_survives_its_files(tmp_path, hourly, name, kind):
    source = sources(hourly)[name]
    one = fit_base(source, kind, seed=0)
    save_base(tmp_path, one)
    two = load_base(tmp_path)
    assert two.choice == one.choice
    assert list(two.model.weights) == list(one.model.weights)
    ours, theirs = one.model, two.model
    assert (ours.kind, ours.season, ours.calendar) == (theirs.kind, theirs.season, theirs.calendar)
    assert (ours.lookback, ours.horizon) == (theirs.lookback, theirs.horizon)
    np.testing.assert_array_equal(ours.membership, theirs.membership)
    for part in ("level", "coefficients", "patterns"):
        before, after = getattr(ours.profile, part), getattr(theirs.profile, part)
        np.testing.assert_array_equal(before, after)
        assert before.dtype == after.dtype
    starts = np.array([0, 300])
    forecasts = [source.with_base(b.bind(source)).windows.batch(starts).base for b in (one, two)]
    np.testing.assert_array_equal(*forecasts)


def test_where_there_is_no_base_there_is_none(tmp_path):
    assert load_base(tmp_path) is None


def test_only_tables_and_json_are_written(tmp_path, fitted):
    save_base(tmp_path, fitted)
    assert {path.suffix for path in tmp_path.iterdir()} == {".parquet", ".json"}


@pytest.mark.parametrize("name", ["base_weights", "base_patterns", "base_locations"])
@pytest.mark.parametrize("content", [None, b"PAR1"])
def test_damaged_tables(tmp_path, fitted, name, content):
    save_base(tmp_path, fitted)
    path = tmp_path / f"{name}.parquet"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ArtifactError, match="the base in .* is damaged"):
        load_base(tmp_path)


@pytest.mark.parametrize("text", ["{", "{}", "[]"])
def test_damaged_description(tmp_path, fitted, text):
    save_base(tmp_path, fitted)
    (tmp_path / "base.json").write_text(text)
    with pytest.raises(ArtifactError, match="is damaged"):
        load_base(tmp_path)
