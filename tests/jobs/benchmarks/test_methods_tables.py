import pyarrow.parquet as pq

from jobs.benchmarks.methods_scores import Score
from jobs.benchmarks.methods_tables import (
    HEADINGS,
    about,
    cells_of,
    headline,
    markdown,
    write_html,
    write_records,
)

OURS = Score(
    "d",
    0.01,
    "network_alone",
    "stemdist",
    True,
    kind="stemdist",
    errors=(0.5, 0.7),
    mean=0.6,
    low=0.5,
    high=0.7,
    ior=0.25,
    hlr=0.2,
    label_robust=41.0,
    coverage=0.5,
    bytes=2048,
    distill_seconds=10.0,
    train_seconds=2.0,
    break_even=3,
)
FULL = Score("d", 0.01, "network_alone", "full_data", False, "", (0.5,), 0.5, train_seconds=9.0)
BROKEN = Score("d", 0.01, "network_alone", "<b>", True, failed="needs 3 TiB | too much")
SCORES = [FULL, OURS, BROKEN]


def test_cells():
    cells = dict(zip(HEADINGS, cells_of(OURS), strict=True))
    assert cells["relative RMSE (95 %)"] == "0.6000 (0.5000 to 0.7000)"
    assert cells["gain over random"] == "+25.0 %"
    assert cells["KiB"] == "2"
    assert cells["10 models, s"] == "30"
    assert cells["pays from, models"] == "3"
    assert dict(zip(HEADINGS, cells_of(FULL), strict=True))["distilling, s"] == "-"
    assert cells_of(BROKEN) == ("no result: needs 3 TiB | too much",)


def test_markdown_has_one_width():
    lines = [line for line in markdown(SCORES).splitlines() if line.startswith("|")]
    assert len({line.replace(r"\|", "").count("|") for line in lines}) == 1
    assert r"no result: needs 3 TiB \| too much" in lines[-1]


def test_the_headline_says_who_wins():
    assert "full data, to convergence (0.5000), of the distilled rows stemdist" in headline(SCORES)


def test_how_long_full_data_are_trained_on_is_said():
    told = {"seeds": [0], "data": [{}], "settings": {"evaluation": {"full_data_epochs": 7}}}
    assert "at most 7 passes over all train windows" in about(told)


def test_files(tmp_path):
    write_records(tmp_path / "methods.parquet", SCORES)
    rows = pq.read_table(tmp_path / "methods.parquet").to_pylist()
    assert [row["errors"] for row in rows] == [[0.5], [0.5, 0.7], []]
    assert [row["break_even"] for row in rows] == [None, 3, None]
    write_html(tmp_path / "methods.html", SCORES, [], {"seeds": [0, 1], "data": [{}]})
    page = (tmp_path / "methods.html").read_text()
    assert "<b>" not in page
    assert "&lt;b&gt;" in page
