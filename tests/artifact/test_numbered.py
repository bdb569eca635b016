import shutil

import pytest

from stemdist_ray.artifact import numbered
from stemdist_ray.artifact.numbered import NumberedFolders
from stemdist_ray.errors import ArtifactError
from stemdist_ray.system.seal import write_sealed


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.setattr(numbered, "_said", set())
    return NumberedFolders(tmp_path / "c", "s.json", "restore it")


def save(folders, text):
    def write_seal(aside):
        write_sealed(aside / "s.json", {"version": 1, "text": text}, ["data"])

    with folders.next(write_seal) as aside:
        (aside / "data").write_text(text)


def names(folders):
    return sorted(p.name for p in folders.path.iterdir())


def test_the_last_one_stays(folders):
    assert not folders.exist()
    for text in ("one", "two"):
        save(folders, text)
    assert folders.exist()
    folder, tree = folders.find()
    assert (folder.name, tree["text"], names(folders)) == ("000002", "two", ["000002", "current"])


def test_one_that_fails_leaves_the_one_before(folders):
    save(folders, "one")
    with pytest.raises(RuntimeError), folders.next(lambda aside: None):
        raise RuntimeError
    assert (folders.find()[1]["text"], names(folders)) == ("one", ["000001", "current"])


@pytest.mark.parametrize("pointer", [None, "", "{", '{"name": 3}'])
def test_without_a_pointer_the_newest_whole_one_counts(folders, pointer, caplog):
    save(folders, "one")
    one = folders.path / "000001"
    shutil.copytree(one, folders.path / "000003")
    (folders.path / ".000009.tmp").mkdir()
    shutil.copytree(one, folders.path / "000004")
    (folders.path / "000004" / "data").write_text("other")
    path = folders.path / "current"
    path.unlink()
    if pointer is not None:
        path.write_text(pointer)
    assert folders.find()[0].name == "000003"
    assert ("current is damaged" if pointer is not None else "data is not as it was") in caplog.text
    save(folders, "next")
    assert names(folders) == ["000005", "current"]


def test_what_a_process_that_died_left_is_swept(folders):
    folders.sweep()
    save(folders, "one")
    shutil.copytree(folders.path / "000001", folders.path / "000002")
    (folders.path / ".000003.tmp").mkdir()
    folders.sweep()
    assert names(folders) == ["000001", "current"]


def test_damage_is_named(folders):
    save(folders, "one")
    (folders.path / "000001" / "data").write_text("other")
    with pytest.raises(ArtifactError, match="000001 is damaged: data is not as it was written"):
        folders.find()
    shutil.rmtree(folders.path / "000001")
    assert folders.exist()
    with pytest.raises(ArtifactError, match=r"000001 is damaged: s.json is missing"):
        folders.find()
