import numpy as np

from tests.cli.conftest import check_refused, run


def test_where_it_went(folder, tmp_path):
    result = run("export", folder, "--to", "npz", "--out", tmp_path / "x.npz")
    assert result.exit_code == 0, result.output
    assert f"wrote {tmp_path / 'x.npz'}" in result.output
    with np.load(tmp_path / "x.npz", allow_pickle=False) as file:
        assert "residual" in file
    again = run("export", folder, "--to", "npz", "--out", tmp_path / "x.npz")
    check_refused(again, "exists already; choose another --out, or move it aside with --overwrite")
    result = run("export", folder, "--to", "npz", "--out", tmp_path / "x.npz", "--overwrite")
    assert result.exit_code == 0
    assert (tmp_path / "x.npz.previous").exists()


def test_unknown_formats_and_folders(folder, tmp_path):
    check_refused(run("export", folder, "--to", "excel"), "basicts, neuralforecast, npz")
    check_refused(run("export", tmp_path / "x", "--to", "npz"), "does not exist")
    assert list(tmp_path.iterdir()) == []
