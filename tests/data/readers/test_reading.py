from stemdist_ray.data.readers.reading import READING, reading, with_facts


def test_what_is_none_is_left_out():
    assert reading(layout="wide", group=None) == {READING: {"layout": "wide"}}


def test_facts_that_are_there_stay():
    known = {"other": 1, **reading(layout="wide")}
    assert with_facts(known, layout="long", files=3) == {
        "other": 1,
        READING: {"layout": "wide", "files": 3},
    }
