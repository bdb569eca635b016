from pathlib import Path

import pytest

from jobs.benchmarks.methods_config import cell_config, evaluator, read_methods_config
from stemdist_ray.baselines import available
from stemdist_ray.errors import ConfigError

TINY = "data: [{name: demo, source: demo, settings: {data: {start: 2012-03-01}}}]\n"


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / "benchmark.yaml"
        path.write_text(text)
        return read_methods_config(path)

    return read


def test_names_stand_for_methods_and_subsets_are_always_there(read):
    config = read(TINY + "methods: [medoid, {name: paper, method: stemdist, preset: paper}]")
    assert [m.name for m in config.every_method()] == [
        "random",
        "random_teacher",
        "medoid",
        "paper",
    ]
    assert config.every_method()[-1].kind == "stemdist"
    assert config.data[0].settings["data"]["start"] == "2012-03-01"  # text, as the field wants it
    assert set(config.reference_rows()) >= {"node_sampled", "full_data"}


def test_all_methods_are_judged_alike(read):
    """Also where a preset has an evaluation of its own."""
    config = read(
        TINY + "methods: [stemdist, {name: paper, method: stemdist, preset: paper, settings: {"
        "evaluation: {epochs: 999}}}]\n"
        "settings: {evaluation: {epochs: 7, tracks: [with_base]}, rounds: 1}"
    )
    cells = [
        cell_config(config, config.data[0], method, 0.02, 3) for method in config.every_method()
    ]
    assert {cell.evaluation for cell in cells} == {cells[0].evaluation}
    assert cells[0].evaluation.epochs == 7
    assert [cell.rounds for cell in cells] == [0, 0, 1, 1]  # only ours has rounds
    assert cells[-1].base == "none"  # the preset's other settings stay
    assert cells[-1].forecaster.name == "mtgnn"
    assert evaluator(config, config.data[0]).name == "stid"
    assert {(cell.budget, cell.seed, cell.tracking.enabled) for cell in cells} == {(0.02, 3, False)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("methods: [medoid]", "data"),
        (TINY + "methods: []", "methods"),
        (TINY + "methods: [medoid, medoid]", "methods: medoid occurs more than once"),
        (TINY + "methods: [mediod]", "mediod"),
        (TINY + "methods: [{name: x, method: medoid, preset: odd}]", "preset 'odd' is none of"),
        (TINY + "methods: [{name: a/b, method: medoid}]", "name"),
        (TINY + "methods: [medoid]\nrows: [centroid]", "centroid is none of"),
        (TINY + "methods: [medoid]\nbudgets: [2]", "budgets"),
        (TINY + "methods: [medoid]\nsettings: {evaluation: {epoch: 3}}", "epoch"),
        (TINY + "methods: [{name: x, method: dm, options: {stepz: 3}}]", "x: .*stepz: unknown"),
        (TINY + "methods: medoid", "methods"),
        (TINY + "methods: [medoid]\nseeds: [1, 1]", "seeds: 1 occurs more than once"),
    ],
)
def test_what_cannot_be_compared(read, text, message):
    with pytest.raises(ConfigError, match=message):
        read(text)


def test_those_that_come_with_the_project_can_be_read():
    found = sorted((Path(__file__).parents[3] / "jobs" / "configs").glob("benchmark-*.yaml"))
    assert found
    for path in found:
        assert read_methods_config(path).data
    for name in ("demo", "three"):
        config = read_methods_config(found[0].with_name(f"benchmark-{name}.yaml"))
        assert {method.kind for method in config.every_method()} == set(available())


def test_a_pair_of_ratios_takes_the_place_of_the_budget(read):
    variant = "{name: whole, method: stemdist, settings: {spatial_ratio: 1, temporal_ratio: %s}}"
    config = read(TINY + f"methods: [{variant % 0.02}]\nbudgets: [0.02]")
    cell = cell_config(config, config.data[0], config.methods[0], 0.02, 0)
    assert (cell.budget, cell.spatial_ratio, cell.temporal_ratio) == (None, 1, 0.02)
    for wrong in (0.2, "null"):
        with pytest.raises(ConfigError, match=r"product is the budget, 0\.02"):
            read(TINY + f"methods: [{variant % wrong}]\nbudgets: [0.02]")
