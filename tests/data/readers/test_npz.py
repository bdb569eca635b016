import zipfile

import numpy as np
import pytest

from stemdist_ray.data.source import read_series
from stemdist_ray.errors import DataError
from tests.conftest import real_file


@pytest.mark.parametrize("shape", [(9, 4), (9, 4, 3)])
def test_pems_layout(tmp_path, rng, shape):
    data = rng.normal(size=shape)
    np.savez(tmp_path / "pems.npz", data=data)
    series = read_series(tmp_path / "pems.npz")
    assert series.values.shape == (9, 4, 1 if len(shape) == 2 else 3)
    np.testing.assert_allclose(series.values.reshape(shape), data, rtol=1e-6)


def test_plain_npy(tmp_path):
    np.save(tmp_path / "x.npy", np.ones((5, 2)))
    assert read_series(tmp_path / "x.npy").values.shape == (5, 2, 1)


def test_largest_layout_is_unscaled(tmp_path, rng):
    raw = rng.normal(200, 50, (8, 3))
    mean, std = raw.mean(), raw.std()
    clock = np.linspace(0, 1, 8)[:, None].repeat(3, 1)
    data = np.stack([(raw - mean) / std, clock], axis=2)
    np.savez(tmp_path / "his.npz", data=data, mean=mean, std=std)
    series = read_series(tmp_path / "his.npz")
    np.testing.assert_allclose(series.values[:, :, 0], raw, rtol=1e-5)
    np.testing.assert_allclose(series.values[:, :, 1], clock, rtol=1e-6)


def windows(series, lookback, horizon, first, last):
    starts = range(first, last)
    x = np.stack([series[s : s + lookback] for s in starts])
    y = np.stack([series[s + lookback : s + lookback + horizon] for s in starts])
    return {"x": x, "y": y}


def test_window_folder_is_put_back_together(tmp_path, rng):
    series = rng.normal(size=(40, 3, 2)).astype(np.float32)
    series[5:9] = 0  # equal steps must not confuse the order
    for part, (first, last) in {"train": (0, 18), "val": (18, 24), "test": (24, 33)}.items():
        np.savez(tmp_path / f"{part}.npz", **windows(series, 4, 4, first, last))
    np.testing.assert_array_equal(read_series(tmp_path).values, series)


def test_window_folder_with_a_gap(tmp_path, rng):
    series = rng.normal(size=(40, 3, 1)).astype(np.float32)
    for part, (first, last) in {"train": (0, 18), "val": (20, 24), "test": (24, 33)}.items():
        np.savez(tmp_path / f"{part}.npz", **windows(series, 4, 4, first, last))
    with pytest.raises(DataError, match="val.npz: its first window"):
        read_series(tmp_path)


def test_window_folder_with_a_stride(tmp_path, rng):
    series = rng.normal(size=(40, 3, 1)).astype(np.float32)
    parts = windows(series, 4, 4, 0, 30)
    for part in ("train", "val", "test"):
        np.savez(tmp_path / f"{part}.npz", x=parts["x"][::2], y=parts["y"][::2])
    with pytest.raises(DataError, match="windows 0 and 1 are not one step apart"):
        read_series(tmp_path)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"a": np.ones((3, 2)), "b": np.ones((3, 2))}, "called 'data'"),
        ({"data": np.ones(3)}, "shape"),
        ({"data": np.array([["x", "y"]])}, "numbers"),
        ({"data": np.ones((3, 2)), "mean": np.ones(2), "std": np.ones(2)}, "single numbers"),
    ],
)
def test_bad_arrays(tmp_path, arrays, words):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(DataError, match=words):
        read_series(tmp_path / "x.npz")


def test_pickled_objects_are_refused(tmp_path):
    np.savez(tmp_path / "x.npz", data=np.array([[{"a": 1}]], dtype=object))
    with pytest.raises(DataError, match="cannot be read as NumPy data"):
        read_series(tmp_path / "x.npz")


def test_damaged_file(tmp_path):
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(DataError, match="cannot be read"):
        read_series(tmp_path / "x.npz")


def test_sea_surface():
    assert read_series(real_file("sst_pacific_monthly.npz")).values.shape == (399, 2261, 1)


@pytest.mark.parametrize("kind", ["datetime64[s]", "datetime64[ms]"])
def test_times_since_1970_are_not_nanoseconds(tmp_path, kind):
    hours = np.arange("2024-01-01", "2024-01-02", dtype="datetime64[h]")
    numbers = hours.astype(kind).astype(np.int64)
    np.savez(tmp_path / "x.npz", data=np.ones((24, 2)), times=numbers)
    np.testing.assert_array_equal(read_series(tmp_path / "x.npz").times, hours)


def test_times_that_only_count_are_none_and_odd_ones_are_refused(tmp_path):
    np.savez(tmp_path / "x.npz", data=np.ones((4, 2)), times=np.arange(4))
    assert read_series(tmp_path / "x.npz").times is None
    np.savez(tmp_path / "x.npz", data=np.ones((4, 2)), times=np.array([1, 5, 6, 9]))
    with pytest.raises(DataError, match="no known time stamps"):
        read_series(tmp_path / "x.npz")


def test_complex_numbers_are_no_readings(tmp_path):
    np.save(tmp_path / "x.npy", np.full((4, 2), 1 + 2j))
    with pytest.raises(DataError, match="complex"):
        read_series(tmp_path / "x.npy")


def test_ids_of_bytes_and_other_files_of_an_archive(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, data=np.ones((4, 2)), location_ids=np.array([b"a", b"b"]))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("notes.txt", "made by hand")
    assert read_series(path).location_ids == ("a", "b")
