import json
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from stemdist_ray.artifact.generation import generation
from stemdist_ray.artifact.rank_files import RankStore
from stemdist_ray.comparison.ranking.cells import CellTask, row_of
from stemdist_ray.errors import ArtifactError, ConfigError
from tests.comparison.ranking.helpers import CONFIGURATIONS, cells, ranking

SETTINGS = {"seed": 0, "evaluation": {"epochs": 2, "factors": (1.0,)}}


@pytest.fixture
def store(tmp_path):
    (tmp_path / "manifest.json").write_text("a data set")
    return RankStore(tmp_path)


def task(epochs=None, seed=1):
    row = row_of("distilled")
    return CellTask(
        "stid", "distilled", row, CONFIGURATIONS[0], "network_alone", 0, 5, seed, 1, epochs
    )


def test_a_training_that_is_kept(store):
    cell = cells()[0]
    assert store.kept(task()) is None
    store.keep(task(), cell)
    assert store.kept(task()) == cell


def test_one_that_diverged(store):
    cell = next(c for c in cells() if c.failed)
    store.keep(task(), cell)
    assert store.kept(task()) == cell


def test_other_settings_are_refused(store):
    store.begin(SETTINGS)
    store.begin(SETTINGS)
    with pytest.raises(ConfigError, match=r"evaluation\.epochs was 2 and is 3\. Give") as caught:
        store.begin({**SETTINGS, "evaluation": {"epochs": 3, "factors": (1.0,)}})
    assert "\n" not in str(caught.value)
    store.keep(task(), cells()[0])
    with pytest.raises(ConfigError, match="of stid: seed was 1 and is 2"):
        store.kept(task(seed=2))


def test_trainings_without_their_settings_are_refused(store):
    store.begin(SETTINGS)
    store.keep(task(), cells()[0])
    store.settings.unlink()
    with pytest.raises(ArtifactError, match="is gone; move the whole ranking aside"):
        store.begin(SETTINGS)


def test_other_epochs_stand_beside_each_other(store):
    store.keep(task(), cells()[0])
    assert store.kept(task(epochs=4)) is None
    store.keep(task(epochs=4), cells()[1])
    assert (store.kept(task()), store.kept(task(epochs=4))) == (cells()[0], cells()[1])


def test_what_was_there_steps_aside(store):
    store.begin(SETTINGS)
    store.move_aside()
    store.begin({"seed": 1})
    store.move_aside()
    store.move_aside()
    names = sorted(p.name for p in store.folder.parent.iterdir())
    assert [n.split("-")[0] for n in names] == ["manifest.json", "rank.previous", "rank.previous"]


@pytest.mark.parametrize("name", ["settings", "cell", "result"])
def test_changed_bits_are_found(store, name):
    store.begin(SETTINGS)
    store.keep(task(), cells()[0])
    store.write(ranking(), None, b"png", [])
    paths = {
        "settings": store.settings,
        "cell": next(store.folder.glob("cells/*.json")),
        "result": store.result,
    }
    paths[name].write_text(paths[name].read_text().replace("0", "1", 1))
    todo = "move the whole ranking aside" if name == "settings" else "delete it, and run"
    with pytest.raises(ArtifactError, match=f"is not as it was written; {todo}"):
        {
            "settings": lambda: store.begin(SETTINGS),
            "cell": lambda: store.kept(task()),
            "result": store.read,
        }[name]()


def test_what_is_written(store):
    one = ranking()
    assert store.read() is None
    store.write(one, generation(store.folder.parent), b"\x89PNG", [{"kind": "x"}])
    assert store.read().cells == one.cells
    assert store.holds(one)
    assert not store.holds(replace(one, cells=one.cells[1:]))
    assert json.loads(store.result.read_text())["executions"] == [{"kind": "x"}]
    table = pq.read_table(store.table)
    assert table.num_rows == len(one.cells)
    assert table.column_names == list(one.to_records()[0])
    assert store.page.read_text().startswith("# Ranking configurations for `somewhere`")
    assert store.figure.read_bytes() == b"\x89PNG"
    (store.folder.parent / "manifest.json").write_text("another data set")
    assert store.read() is None
