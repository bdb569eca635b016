import pickle
from pathlib import Path

import numpy as np
import pytest

from stemdist_ray.data.mapped import (
    MappedArray,
    discard,
    filled,
    open_mapped,
    read_rows,
    rewrite,
)
from stemdist_ray.errors import DataError


@pytest.fixture
def mapped(tmp_path, rng):
    values = rng.normal(size=(200, 30, 2)).astype(np.float32)
    path = tmp_path / "values.f32"
    path.write_bytes(values.tobytes())
    return open_mapped(path, values.shape, "<f4"), values


def test_reads_what_is_in_the_file(mapped):
    array, values = mapped
    np.testing.assert_array_equal(array, values)
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


@pytest.mark.parametrize("rows", [np.s_[:200], np.s_[:150], np.s_[10:], np.s_[77:140]])
def test_travels_as_the_name_of_the_file(mapped, rows):
    array, values = mapped
    back = array[rows]
    for _ in range(2):  # what was sent can be sent on
        sent = pickle.dumps(back, protocol=5)
        assert len(sent) < 500
        back = pickle.loads(sent)
        assert isinstance(back, MappedArray)
        np.testing.assert_array_equal(back, values[rows])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(back[3:5])), values[rows][3:5])


@pytest.mark.parametrize("part", [np.s_[:, 3], np.s_[::2], np.s_[[4, 5]], np.s_[5:5]])
def test_any_other_part_travels_as_a_copy(mapped, part):
    array, values = mapped
    back = pickle.loads(pickle.dumps(array[part]))
    np.testing.assert_array_equal(back, values[part])
    assert getattr(back, "_mmap", None) is None


def test_a_machine_without_the_file_says_so(mapped):
    array, _ = mapped
    sent = pickle.dumps(array)
    Path(array.filename).unlink()
    with pytest.raises(DataError, match="one that all of them see"):
        pickle.loads(sent)


def test_rewriting_block_by_block(mapped):
    array, values = mapped
    rewrite(array.filename, values.shape, 64, lambda block: 2 * block)
    np.testing.assert_array_equal(array, 2 * values)


@pytest.mark.parametrize("rows", [np.s_[0:40], np.s_[160:200], np.s_[190:999], np.s_[7:7]])
def test_reading_steps_maps_nothing(mapped, rows):
    array, values = mapped
    got = read_rows(array, rows)
    assert not isinstance(got, MappedArray) or got.size == 0
    np.testing.assert_array_equal(got, values[rows])
    np.testing.assert_array_equal(read_rows(array[20:], rows), values[20:][rows])
    assert read_rows(values, rows).base is values  # in memory: no copy


@pytest.mark.parametrize("held", ["mapped", "memory"])
def test_what_is_derived_is_held_as_the_series_is(mapped, held, tmp_path):
    array, values = mapped
    like = array if held == "mapped" else values
    parts = (values[first : first + 30, :4] for first in range(0, 200, 30))
    got = filled(like, (200, 4, 2), "<f4", parts)
    np.testing.assert_array_equal(got, values[:, :4])
    files = list(tmp_path.glob("derived-*"))
    assert len(files) == (held == "mapped")
    discard(got, None, array)
    assert list(tmp_path.iterdir()) == [tmp_path / "values.f32"]  # the series stays
    np.testing.assert_array_equal(got, values[:, :4])  # for whoever still has it


def test_derived_of_a_folder_that_is_gone(mapped, tmp_path):
    array, values = mapped
    Path(array.filename).unlink()
    tmp_path.rmdir()
    with pytest.raises(DataError, match="derived from a streamed one cannot be written"):
        filled(array, values.shape, "<f4", iter([values]))
