from dataclasses import replace

import numpy as np

from stemdist_ray.baselines.rows import ROWS
from stemdist_ray.evaluation.predict import EvaluationWindows
from stemdist_ray.forecasters.closed_form.last_value import LastValue
from stemdist_ray.forecasters.closed_form.zero_shot import ZeroShot

ROW = ROWS.get("zero_shot")


def nothing(recent, horizon):
    return np.zeros((len(recent), horizon, recent.shape[2]), np.float32)


def test_it_is_there_where_a_forecaster_is_named(material):
    assert not ROW.wanted(material.config)
    named = material.config.model_copy(update={"zero_shot": "fracast"})
    assert ROW.wanted(named)
    assert ROWS.get("ridge").wanted(material.config)


def test_it_may_be_asked_for_some_of_the_windows(material):
    source = material.source
    whole = EvaluationWindows.of(source, source.starts["test"])
    assert ROW.scored(whole, material) is whole
    few = replace(material, config=material.config.model_copy(update={"zero_shot_windows": 5}))
    some = ROW.scored(whole, few)
    assert len(some.starts) == 5
    assert {*some.starts} < {*whole.starts}
    # The scores are those of a forecaster that is asked for nothing else.
    alone = EvaluationWindows.of(source, some.starts)
    last = LastValue(source)
    assert some.score(last.predict, 9) == alone.score(last.predict, 9)
    assert ROWS.get("ridge").scored(whole, few) is whole


def test_it_asks_the_one_that_is_named(material, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "mine", sys.modules[__name__])
    changes = {"zero_shot": "mine:nothing", "zero_shot_context": 9}
    material = replace(material, config=material.config.model_copy(update=changes))
    model = ROW.fitted(material)
    assert isinstance(model, ZeroShot)
    assert (model.name, model.context) == ("mine:nothing", 9)
