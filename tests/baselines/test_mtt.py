from stemdist_ray.baselines.learned import begin
from stemdist_ray.baselines.trajectories import TrajectoryOptions
from tests.baselines.conftest import FEW_EXPERTS


def test_students_come_nearer_to_the_experts(make_work, check_learns):
    options = {**FEW_EXPERTS, "steps": 30, "learning_rate": 0.02, "target_learning_rate": 0.02}
    check_learns("mtt", begin(make_work("mtt"), TrajectoryOptions()), **options)
