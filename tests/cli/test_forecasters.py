import json

from tests.cli.conftest import run


def test_forecasters_are_listed():
    text = run("forecasters").output
    tree = json.loads(run("forecasters", "--json").output)
    names = {row["name"] for row in tree}
    assert {"mtgnn", "agcrn", "dlinear", "itransformer"} <= names
    assert all(name in text for name in names)
    assert "arXiv:2005.11650" in text
