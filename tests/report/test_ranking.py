import xml.etree.ElementTree as ET

from stemdist_ray.report.ranking import rank_scatter
from tests.comparison.ranking.helpers import ranking


def test_a_panel_per_kind_of_data():
    picture = rank_scatter(ranking())
    ET.fromstring(picture.svg)
    assert picture.png.startswith(b"\x89PNG")
    assert "Spearman: distilled 1.00, random subset" in picture.alt
    assert rank_scatter(ranking()).svg == picture.svg
