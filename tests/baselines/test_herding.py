import numpy as np

from stemdist_ray.baselines.herding import herded


def test_the_mean_is_followed_better_than_by_chance(rng):
    features = rng.normal(size=(400, 6)).astype(np.float32) ** 3
    mean = features.mean(axis=0)
    chosen = herded(features, 20)
    assert len(np.unique(chosen)) == 20
    gap = np.linalg.norm(features[chosen].mean(axis=0) - mean)
    random = [
        np.linalg.norm(features[rng.choice(400, 20, replace=False)].mean(axis=0) - mean)
        for _ in range(50)
    ]
    assert gap < 0.2 * np.mean(random)


def test_each_choice_is_the_best_one_at_its_turn(rng):
    features = rng.normal(size=(30, 4)).astype(np.float32)
    mean, chosen = features.mean(axis=0), herded(features, 6)
    for turn in range(6):
        before = list(chosen[:turn])
        costs = {
            i: np.linalg.norm(features[[*before, i]].mean(axis=0) - mean)
            for i in range(30)
            if i not in before
        }
        assert costs[chosen[turn]] <= min(costs.values()) + 1e-5


def test_all_of_them(rng):
    features = rng.normal(size=(9, 4)).astype(np.float32)
    assert sorted(herded(features, 9)) == list(range(9))
