import pytest
from pydantic import ValidationError

from stemdist_ray.config import TrainingConfig
from stemdist_ray.config.budgets import (
    BudgetConfig,
    EvaluationConfig,
    TeacherConfig,
    ValidationConfig,
)


def test_full_data_are_validated_after_every_pass():
    config = EvaluationConfig(full_data_epochs=7, learning_rate=1e-4)
    budget = config.full_data_budget()
    assert (budget.epochs, budget.check_every, budget.learning_rate) == (7, 1, 1e-4)


def test_every_section_knows_its_name():
    sections = (BudgetConfig, TeacherConfig, ValidationConfig, EvaluationConfig)
    assert [s.section for s in sections] == ["budget", "teacher", "validation", "evaluation"]


@pytest.mark.parametrize(
    "changes", [{"rate_factors": ()}, {"tracks": ("both",)}, {"curve": (0,)}, {"warmup_steps": -1}]
)
def test_what_makes_no_sense_is_refused(changes):
    with pytest.raises(ValidationError):
        EvaluationConfig(**changes)


def test_no_teacher_is_zero_epochs_but_never_zero_members():
    assert TeacherConfig(epochs=0).epochs == 0
    with pytest.raises(ValidationError):
        TeacherConfig(members=0)


def test_whatever_is_trained_has_a_budget():
    common = {"epochs", "check_every", "learning_rate", "warmup_steps", "averaging", "subsets"}
    assert set(BudgetConfig.model_fields) == common
    kinds = (TeacherConfig, ValidationConfig, EvaluationConfig, TrainingConfig)
    assert all(issubclass(kind, BudgetConfig) for kind in kinds)
    assert [kind.section for kind in kinds] == ["teacher", "validation", "evaluation", "training"]
