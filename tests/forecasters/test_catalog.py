from dataclasses import replace

import numpy as np
import pytest

from stemdist_ray.config import ForecasterConfig
from stemdist_ray.data.location_graph import LocationGraph
from stemdist_ray.errors import ConfigError
from stemdist_ray.forecasters import (
    FORECASTERS,
    build_forecaster,
    check_takes_graph,
    describe_forecasters,
    options_of_width,
    takes_graph,
)
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.forecasters.catalog import shape_for

SHAPE = WindowShape(8, 5, 2)
NAMES = [
    "agcrn",
    "dlinear",
    "fouriergnn",
    "graph_wavenet",
    "itransformer",
    "mtgnn",
    "stgcn",
    "stid",
    "stnorm",
]


def test_names():
    assert set(NAMES) <= set(FORECASTERS.names())


def test_unknown_name_and_options():
    with pytest.raises(ConfigError, match="unknown forecaster 'x'; expected one of: .*mtgnn"):
        build_forecaster(ForecasterConfig(name="x"), SHAPE)
    with pytest.raises(ConfigError, match="forecaster mtgnn: colour: unknown setting"):
        build_forecaster(ForecasterConfig(name="mtgnn", options={"colour": 1}), SHAPE)


def test_every_forecaster_says_what_it_is_and_where_it_was_published():
    rows = {row["name"]: row for row in describe_forecasters()}
    for name in NAMES:
        assert rows[name]["summary"]
        assert "20" in rows[name]["source"]
        assert rows[name]["num_parameters"] > 100
        assert isinstance(rows[name]["options"], dict)


def test_a_package_that_cannot_be_loaded_is_told_of_and_does_not_hide_the_others(monkeypatch):
    def broken(self, point):
        raise ConfigError("forecaster 'theirs' cannot be loaded")

    monkeypatch.setattr(FORECASTERS, "_offered", {"theirs": None})
    monkeypatch.setattr(type(FORECASTERS), "_load", broken)
    rows = {row["name"]: row for row in describe_forecasters()}
    assert "cannot be loaded" in rows["theirs"]["error"]
    assert set(NAMES) <= set(rows)


def test_who_takes_a_graph(prepared):
    takers = ["graph_wavenet", "mtgnn", "stgcn"]
    assert [name for name in NAMES if takes_graph(name)] == takers
    with pytest.raises(ConfigError, match=r"stid takes no graph \(here\); .*graph_wavenet, mtgnn"):
        check_takes_graph("stid", "here")
    with pytest.raises(ConfigError, match="stid takes no graph"):
        build_forecaster(ForecasterConfig(name="stid"), replace(SHAPE, graph=True))
    given = prepared.with_graph(LocationGraph.of(np.eye(24))).windows
    for name in NAMES:
        config = ForecasterConfig(name=name)
        assert shape_for(config, given).graph == (name in takers)
        assert not shape_for(config, prepared.windows).graph


def test_widths_are_scaled_together():
    assert options_of_width("stid", 1.0) == {}
    assert options_of_width("stgcn", 0.25) == {"channels": 16, "graph_channels": 8}
    assert options_of_width("stgcn", 2) == {"channels": 128, "graph_channels": 32}
    with pytest.raises(ConfigError, match="dlinear has no widths to scale"):
        options_of_width("dlinear", 0.5)
    shape = WindowShape(6, 4, 1)
    for name in FORECASTERS:
        if FORECASTERS.get(name).widths:
            narrow = ForecasterConfig(name=name, options=options_of_width(name, 0.25))
            whole = build_forecaster(ForecasterConfig(name=name), shape).num_parameters()
            assert build_forecaster(narrow, shape).num_parameters() < whole
