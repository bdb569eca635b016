import sys

import pytest
from typer.testing import CliRunner

from stemdist_ray.cli.app import app
from stemdist_ray.data.source import read_series
from stemdist_ray.data.writers import write_series
from stemdist_ray.errors import DependencyError
from stemdist_ray.pipeline.report_job import report
from stemdist_ray.sweeps.sweep import SweepConfig, search
from stemdist_ray.system import dependencies
from stemdist_ray.system.dependencies import need


@pytest.fixture
def core_only(monkeypatch):
    """As if none of the extras were installed."""
    extras = ("tables", "h5py", "h5netcdf", "xarray", "zarr", "optuna", "matplotlib", "jinja2")
    original = dependencies.find_spec
    monkeypatch.setattr(
        dependencies, "find_spec", lambda name: None if name in extras else original(name)
    )
    for name in [m for m in sys.modules if m.split(".")[0] in extras]:
        monkeypatch.setitem(sys.modules, name, None)


def test_what_is_installed_is_no_matter():
    need("counting", "formats", "numpy", "json")


@pytest.mark.parametrize("name", ["x.h5", "x.nc", "x.zarr"])
def test_formats(traffic, tmp_path, core_only, name):
    with pytest.raises(DependencyError, match=r"pip install 'stemdist-ray\[formats\]'"):
        write_series(traffic, tmp_path / name)
    path = tmp_path / name
    if name.endswith(".zarr"):
        path.mkdir()
        (path / ".zgroup").write_text("{}")
    else:
        path.write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(DependencyError, match="needs .* not installed"):
        read_series(path)


def test_the_command_line_says_it_in_one_line(tmp_path, core_only):
    (tmp_path / "x.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    done = CliRunner().invoke(app, ["describe", str(tmp_path / "x.h5")])
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    assert "reading HDF5 needs h5py, which is not installed" in done.stderr


def test_a_report_and_a_sweep_are_refused_before_any_work(traffic, tmp_path, core_only):
    with pytest.raises(DependencyError, match=r"a report needs .*stemdist-ray\[report\]"):
        report(tmp_path)
    with pytest.raises(DependencyError, match=r"stemdist-ray\[report\]"):
        search(traffic, tmp_path / "sweep", SweepConfig())
    assert not (tmp_path / "sweep").exists()


def test_core_formats_need_no_extra(traffic, tmp_path, core_only):
    for name in ("x.csv", "x.parquet", "x.npz", "x.arrow", "folder"):
        assert read_series(write_series(traffic, tmp_path / name)).num_steps == 400
