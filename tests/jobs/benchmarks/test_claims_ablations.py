from dataclasses import replace

from jobs.benchmarks.claims_ablations import ablation_section, is_ablation
from tests.jobs.benchmarks.test_claims import MEDOID, OURS, SCORES

WHOLE = replace(OURS, name="rounds")
FAR = replace(
    OURS,
    name="no_base",
    errors=(0.551, 0.571),
    mean=0.561,
    low=0.55,
    high=0.57,
    distill_seconds=7.0,
)
NEAR = replace(OURS, name="shards_2", mean=0.515, low=0.505, high=0.525)


def test_what_an_ablation_is():
    assert is_ablation([WHOLE, FAR, MEDOID])
    assert not is_ablation(SCORES)


def test_each_variant_against_the_whole():
    based = replace(WHOLE, track="with_base", mean=0.5)
    lines = ablation_section([FAR, WHOLE, based, NEAR, MEDOID], "rounds")
    text = "\n".join(lines)
    assert "every variant differs from *rounds* in one setting" in text
    (far,) = [line for line in lines if line.startswith("| no_base")]
    assert "+10.0 %, apart | - | - | 7 |" in far  # never trained with a base
    (near,) = [line for line in lines if line.startswith("| shards_2")]
    assert "+1.0 % |" in near
    assert "medoid" not in text


def test_without_the_whole_the_first_counts():
    text = "\n".join(ablation_section([FAR, NEAR], "rounds"))
    assert "differs from *no_base*" in text


def test_budgets_have_tables_of_their_own():
    larger = [replace(score, budget=0.02, mean=0.4) for score in (WHOLE, NEAR)]
    text = "\n".join(ablation_section([WHOLE, NEAR, *larger], "rounds"))
    assert "d, 1 %: every variant" in text
    assert "d, 2 %: every variant" in text
    assert text.count("| shards_2 |") == 2
