import pickle
from pathlib import Path

import numpy as np
import pytest

from stemdist_ray.data.mapped import MappedArray, open_mapped, rewrite
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


@pytest.mark.parametrize("steps", [200, 150])
def test_travels_as_the_name_of_the_file(mapped, steps):
    array, values = mapped
    sent = pickle.dumps(array[:steps], protocol=5)
    assert len(sent) < 500
    back = pickle.loads(sent)
    assert isinstance(back, MappedArray)
    np.testing.assert_array_equal(back, values[:steps])


@pytest.mark.parametrize("part", [np.s_[10:], np.s_[:, 3], np.s_[::2], np.s_[[4, 5]]])
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
