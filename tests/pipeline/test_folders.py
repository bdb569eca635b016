import pytest

from stemdist_ray.errors import ArtifactError
from stemdist_ray.pipeline.folders import check_folder, make_folder


def test_an_existing_folder_is_never_lost(tmp_path):
    folder = tmp_path / "run"
    make_folder(folder, resume=False)
    check_folder(folder, resume=False, overwrite=False)  # empty: fine
    (folder / "mine.txt").write_text("1")
    with pytest.raises(ArtifactError, match="holds files already"):
        check_folder(folder, resume=False, overwrite=False)
    for text in ("2", "3"):
        check_folder(folder, resume=False, overwrite=True)
        make_folder(folder, resume=False)
        assert list(folder.iterdir()) == []
        (folder / "mine.txt").write_text(text)
    kept = sorted(p.read_text() for p in tmp_path.glob("run*/mine.txt"))
    assert kept == ["1", "2", "3"]


def test_out_may_not_be_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match="is a file"):
        check_folder(tmp_path / "file", resume=False, overwrite=True)
    with pytest.raises(ArtifactError, match="cannot be created"):
        make_folder(tmp_path / "file" / "below", resume=False)
