import numpy as np

from stemdist_ray import distill
from stemdist_ray.config import build_config
from tests.conftest import TINY


def test_the_windows_of_random_with_other_targets(tmp_path, traffic):
    plain, taught = (
        distill(
            traffic,
            tmp_path / name,
            build_config("demo", TINY, {"method": name, "rounds": 0, "base": "none"}),
        ).dataset
        for name in ("random", "random_teacher")
    )
    np.testing.assert_array_equal(plain.x, taught.x)
    assert not np.array_equal(plain.y, taught.y)
    assert taught.teacher is not None
    assert plain.teacher is None
