import re

import pytest

from stemdist_ray.system import points
from tests.conftest import ROOT


def test_listeners_are_told(monkeypatch):
    monkeypatch.setattr(points, "_listeners", [])
    seen = []
    points.listen(seen.append)
    points.reached("base fitted")
    assert seen == ["base fitted"]
    with pytest.raises(KeyError, match="none of the named points"):
        points.reached("elsewhere")


def test_every_point_is_somewhere_in_the_code():
    code = "\n".join(p.read_text() for p in (ROOT / "stemdist_ray").rglob("*.py"))
    assert set(re.findall(r'reached\("([^"]+)"\)', code)) == set(points.POINTS)
