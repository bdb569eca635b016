from dataclasses import replace

import pytest

from jobs.benchmarks.methods_cells import CellStore, cell_tasks, check_source, run_cell
from jobs.benchmarks.methods_config import MethodsConfig
from stemdist_ray.errors import ArtifactError, ConfigError
from stemdist_ray.execution.serial import SerialExecutor
from tests.jobs.benchmarks.methods_case import methods_config


@pytest.fixture
def tasks(npz):
    return cell_tasks(methods_config(npz))


def test_a_cell_per_method_budget_and_seed(tasks):
    assert [task.name for task in tasks] == [
        f"small/{method}/0.05/{seed}"
        for seed in (0, 1)
        for method in ("random", "random_teacher", "medoid", "stemdist")
    ]
    assert len({task.key for task in tasks}) == len(tasks)
    assert [bool(task.rows) for task in tasks[:4]] == [True, False, False, False]


def test_a_cell_is_distilled_and_judged_on_both_tracks(tasks):
    cell = run_cell(None, tasks[0])
    assert cell["name"] == "small/random/0.05/0"
    assert cell["failed"] == {}
    assert set(cell["tracks"]) == {"with_base", "network_alone"}
    for rows in cell["tracks"].values():
        assert set(rows) == {"distilled", "node_sampled"}
        assert len(rows["distilled"]["errors"]) == 2
    assert cell["naive"]["ridge"]["errors"]
    assert cell["bytes"] > 0
    assert not cell["taught"]
    again = SerialExecutor(None).run(run_cell, [tasks[0]], lambda done: None)[0]
    timed = ("tracks", "seconds", "distill_seconds", "naive")
    assert {k: v for k, v in again.items() if k not in timed} == {
        k: v for k, v in cell.items() if k not in timed
    }
    assert (
        again["tracks"]["with_base"]["distilled"]["errors"]
        == cell["tracks"]["with_base"]["distilled"]["errors"]
    )
    teacher = run_cell(None, tasks[1])
    assert teacher["taught"]
    assert not teacher["naive"]
    assert set(teacher["tracks"]["with_base"]) == {"distilled"}


def test_what_does_not_fit_is_an_answer(tasks):
    odd = tasks[0].config.model_copy(update={"temporal_ratio": 0.01, "method_options": {"no": 1}})
    cell = run_cell(None, replace(tasks[0], config=odd))
    assert set(cell["failed"]) == {"with_base", "network_alone"}
    assert "method_options of random" in cell["failed"]["with_base"]
    assert "tracks" not in cell


def test_known_cells_are_kept(tasks, tmp_path):
    store = CellStore(tmp_path)
    assert store.load(tasks[0]) is None
    store.save(tasks[0], {"name": tasks[0].name, "failed": None})
    assert store.load(tasks[0]) == {"name": tasks[0].name, "failed": None}
    other = tasks[0].config.model_copy(update={"spatial_ratio": 0.9})
    with pytest.raises(ConfigError, match="other settings"):
        store.load(replace(tasks[0], config=other))
    path = store.path(tasks[0])
    path.write_bytes(path.read_bytes().replace(b"null", b"1000"))
    with pytest.raises(ArtifactError, match="random__0.05__0"):
        store.load(tasks[0])


def test_cells_of_other_readings_are_not_gone_on_with(tasks, npz):
    known = {"name": tasks[0].name, "source_hash": "of something else"}
    check_source(tasks[0], [])
    with pytest.raises(ConfigError, match=r"1 known cells of small .* of other readings than"):
        check_source(tasks[0], [known])
    check_source(tasks[0], [run_cell(None, tasks[2])])


def test_nothing_else_changes_the_key(npz):
    """Other cells of a benchmark, and where it writes, play no part."""
    config = methods_config(npz)
    fewer = MethodsConfig.model_validate({**config.model_dump(), "methods": ["medoid"]})
    keys = {task.name: task.key for task in cell_tasks(config)}
    assert all(keys[task.name] == task.key for task in cell_tasks(fewer))
