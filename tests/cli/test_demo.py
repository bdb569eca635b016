import pytest

from stemdist_ray.artifact.dataset import SyntheticDataset
from tests.cli.conftest import check_refused, run


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "demo"
    return folder, run("demo", "--out", folder, "--workers", 0)


def test_the_whole_way_in_one_command(shown):
    folder, result = shown
    assert result.exit_code == 0, result.output
    for row in ("distilled", "full data, sampled", "seasonal linear", "ridge on lags"):
        assert row in result.output
    assert f"wrote {folder / 'report.html'}" in result.output.replace("\n", "")
    assert (folder / "report.html").exists()


@pytest.mark.slow  # distils once more
def test_what_it_distils_is_what_distill_distils(shown, tmp_path):
    folder, _ = shown
    flags = ["--preset", "demo", "--shards", 4, "--workers", 0]
    assert run("distill", "demo", *flags, "--out", tmp_path / "own").exit_code == 0
    own, whole = (SyntheticDataset.load(path) for path in (tmp_path / "own", folder))
    assert (own.x == whole.x).all()
    assert (own.y == whole.y).all()


def test_a_folder_that_exists(shown):
    folder, _ = shown
    check_refused(run("demo", "--out", folder, "--workers", 0), str(folder))
