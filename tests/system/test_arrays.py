import numpy as np

from stemdist_ray.system.arrays import tensor_of


def test_memory_is_shared_where_it_may_be_written():
    array = np.arange(6.0).reshape(2, 3)
    tensor_of(array)[0, 0] = 7
    assert array[0, 0] == 7


def test_read_only_and_strided_arrays_are_copied():
    array = np.arange(6.0).reshape(2, 3)
    array.flags.writeable = False
    for view in (array, array[:, ::2], array.T):
        tensor = tensor_of(view)
        np.testing.assert_array_equal(tensor.numpy(), view)
        tensor += 1
    np.testing.assert_array_equal(array, np.arange(6.0).reshape(2, 3))
