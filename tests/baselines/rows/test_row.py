import dataclasses
from dataclasses import replace

import numpy as np
import pytest
import torch

from stemdist_ray import baselines
from stemdist_ray.baselines.rows import (
    ROWS,
    TrainedRow,
    closed_form_rows,
    register_row,
    trained_rows,
)
from stemdist_ray.baselines.rows.random_subset import draw_subset
from stemdist_ray.data.location_graph import LocationGraph
from stemdist_ray.errors import ConfigError

ALL = [*trained_rows(), *closed_form_rows()]


def test_names_of_the_contract_in_their_order():
    assert [row.name for row in trained_rows()] == [
        *("distilled", "random_subset", "random_teacher", "centroid"),
        *("node_sampled", "st_prune", "full_data"),
    ]
    assert [row.name for row in closed_form_rows()] == [
        *("last_value", "historical_average", "ridge", "seasonal_linear", "zero_shot")
    ]


def test_rows_can_be_told_apart():
    for attribute in ("title", "report_title", "colour", "position"):
        assert len({getattr(row, attribute) for row in ALL}) == len(ALL)


def test_a_name_is_taken_once():
    with pytest.raises(ConfigError, match="'distilled' is registered already"):
        register_row(dataclasses.replace(ROWS.get("distilled"), data=lambda material, seed: None))


def test_a_file_read_twice_replaces_its_own_row():
    row = ROWS.get("random_subset")
    again = dataclasses.replace(row, title="another")
    try:
        register_row(again)
        assert ROWS.get("random_subset") is again
    finally:
        register_row(row)


def test_a_new_row_is_one_file(tmp_path, monkeypatch):
    """What lies in the package registers itself."""
    (tmp_path / "medoids.py").write_text(
        "from stemdist_ray.baselines.rows.row import register_row\n"
        "from stemdist_ray.baselines.rows.random_subset import random_subset\n"
        "from stemdist_ray.baselines.rows.row import TrainedRow\n"
        "register_row(TrainedRow('medoids', 'medoids', 'medoids', '#123456', 17, random_subset))\n"
    )
    monkeypatch.setattr(baselines, "__path__", [*baselines.__path__, str(tmp_path)])
    monkeypatch.setattr(ROWS, "_entries", dict(ROWS._entries))
    baselines.import_module("stemdist_ray.baselines.medoids")
    names = [row.name for row in trained_rows()]
    assert names.index("random_subset") < names.index("medoids") < names.index("centroid")


@pytest.mark.parametrize("row", trained_rows(), ids=lambda row: row.name)
@pytest.mark.parametrize("track", ["with_base", "network_alone"])
def test_data_repeat_with_their_seed_and_hold_the_distilled_size(row, track, based_material):
    material = based_material
    if track == "network_alone":
        material = dataclasses.replace(material, base=None)

    def first_step(seed):
        made = row.data(material, seed)
        assert (made.base is None) == (track == "network_alone")
        return next(iter(made.data.epoch(np.random.default_rng(0))))

    one, two = first_step(1), first_step(1)
    assert torch.equal(one.x, two.x)
    assert torch.isfinite(one.x).all()
    windows, lookback, locations, features = material.x.shape
    assert one.x.shape[1::2] == (lookback, features + 5)  # and the calendar
    if not row.on_request:
        assert one.x.shape[0] == windows
        assert one.x.shape[2] == locations // material.config.subsets


@pytest.mark.parametrize("row", trained_rows(), ids=lambda row: row.name)
def test_protocol_paper_takes_one_step_on_what_is_not_distilled(row, based_material):
    material = based_material
    paper = dataclasses.replace(
        material, config=material.config.model_copy(update={"protocol": "paper"})
    )
    count = len(list(row.data(paper, 0).data.epoch(np.random.default_rng(0))))
    if row.name == "distilled":
        assert count == material.config.subsets
    elif not row.on_request:
        assert count == 1


def test_budgets(material):
    config = material.config
    for row in trained_rows():
        assert isinstance(row, TrainedRow)
        budget, patience = row.budget(config)
        wanted = config.full_data_epochs if row.on_request else config.epochs
        assert budget.epochs == wanted
        assert (patience > 0) == (row.name == "full_data")


def test_the_real_windows_carry_the_base_of_the_track(based_material):
    assert based_material.windows.base is based_material.base
    assert dataclasses.replace(based_material, base=None).windows.base is None
    assert based_material.source.windows.base is None


def test_every_row_has_the_graph_of_what_it_is_trained_on(based_material, rng):
    """The clusters, or the locations that were drawn."""
    graph = LocationGraph.of(rng.random((12, 12)) * (rng.random((12, 12)) < 0.5))
    material = replace(based_material, source=based_material.source.with_graph(graph))
    drawn = graph.take(draw_subset(material, 3)[1])
    clusters = graph.of_clusters(material.clustering.assignment)
    for name, wanted in (
        ("distilled", clusters),
        ("centroid", clusters),
        ("random_subset", drawn),
        ("random_teacher", drawn),
    ):
        row = ROWS.get(name)
        assert row.data(material, 3).data.graph.digest() == wanted.digest(), name
        assert row.data(based_material, 3).data.graph is None
    pruned = ROWS.get("st_prune").data(material, 3).data
    assert pruned.full.windows.graph is graph
    for name in ("node_sampled", "full_data"):
        assert ROWS.get(name).data(material, 3).data.windows.graph is graph
