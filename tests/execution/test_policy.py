import pytest

from stemdist_ray.execution.policy import Decision, after_lost_worker, workers_that_fit


@pytest.mark.parametrize(
    ("attempts", "allowed", "decision"),
    [
        (1, 3, Decision.RETRY),
        (2, 3, Decision.RETRY),
        (3, 3, Decision.GIVE_UP),
        (1, 1, Decision.GIVE_UP),
    ],
)
def test_after_lost_worker(attempts, allowed, decision):
    assert after_lost_worker(attempts, allowed) is decision


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((4, 2, 0, 1, 0), 2),
        ((4, 64, 0, 1, 0), 4),
        ((4, 0.5, 0, 1, 0), 1),
        ((8, 16, 2, 1, 0.5), 4),
        ((8, 16, 0, 1, 1), 1),
        ((3, 7, 0, 2, 0), 3),
    ],
)
def test_workers_that_fit(arguments, expected):
    assert workers_that_fit(*arguments) == expected
