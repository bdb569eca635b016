import pickle

from stemdist_ray import errors


def test_every_error_is_a_domain_error_and_survives_pickling():
    kinds = [v for v in vars(errors).values() if isinstance(v, type) and issubclass(v, Exception)]
    assert len(kinds) >= 6
    for kind in kinds:
        assert issubclass(kind, errors.StemdistError)
        copy = pickle.loads(pickle.dumps(kind("found 3, expected 4")))
        assert str(copy) == "found 3, expected 4"
        assert type(copy) is kind
