from dataclasses import replace

from jobs.benchmarks.methods_figures import frontier, looks_of, methods_pictures
from stemdist_ray.baselines import available
from tests.jobs.benchmarks.test_methods_tables import OURS, SCORES


def test_the_frontier():
    points = [(3.0, 0.2), (1.0, 0.5), (2.0, 0.6), (4.0, 0.2), (2.5, 0.4)]
    assert frontier(points) == [(1.0, 0.5), (2.5, 0.4), (3.0, 0.2)]


def test_pictures_of_every_track():
    pictures = methods_pictures(SCORES)
    assert [one.name for one in pictures] == ["d-network_alone-errors", "d-network_alone-seconds"]
    assert "lowest of the distilled rows: stemdist, 0.6000" in pictures[0].alt
    # One model: 12 s and 0.6 against 9 s and 0.5; a hundred: 210 s against 900 s.
    assert "1 models: full_data" in pictures[1].alt
    assert "100 models: full_data, stemdist" in pictures[1].alt
    assert not methods_pictures([])


def test_bytes_are_an_axis_where_there_are_several_budgets():
    more = [replace(s, budget=0.1, bytes=10 * s.bytes) for s in SCORES if s.track == OURS.track]
    names = [one.name for one in methods_pictures([*SCORES, *more])]
    assert names == ["d-network_alone-bytes", "d-network_alone-seconds"]


def test_no_two_of_all_methods_are_drawn_alike():
    names = [(n, n) for n in available()] + [("stemdist_rounds", "stemdist")]
    scores = [replace(OURS, name=name, kind=kind) for name, kind in names]
    assert len(set(looks_of(scores).values())) == len(scores) > 19
