from stemdist_ray.baselines import METHODS, OWN
from stemdist_ray.config import DistillConfig


def test_it_is_the_default_and_made_by_the_library_itself():
    method = METHODS.get(OWN)
    assert DistillConfig().method == OWN
    assert method.make is None
    assert method.uses_teacher
