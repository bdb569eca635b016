import base64
import dataclasses
import hashlib
import shutil
from xml.etree import ElementTree

import pytest

from stemdist_ray import SyntheticDataset, evaluate, evaluate_forecasters
from stemdist_ray.artifact.generation import generation
from stemdist_ray.artifact.judged import write_judged
from stemdist_ray.artifact.manifest import read_manifest
from stemdist_ray.artifact.rank_files import RankStore
from stemdist_ray.baselines.rows import ROWS
from stemdist_ray.errors import ArtifactError
from stemdist_ray.report import html
from stemdist_ray.report.html import outcome, run_view, without_styles, write_report
from tests.comparison.ranking.helpers import ranking
from tests.report.helpers import evaluation, row


@pytest.fixture
def copy(artifact, tmp_path):
    shutil.copytree(artifact, tmp_path / "run")
    for name in ("evaluation.json", "cross_architecture.json"):
        (tmp_path / "run" / name).unlink(missing_ok=True)
    # Other tests may have made a report of the same run.
    shutil.rmtree(tmp_path / "run" / "figures", ignore_errors=True)
    return tmp_path / "run"


def test_report_before_evaluation(copy):
    page = write_report(copy).read_text()
    assert "Not evaluated yet" in page
    assert page.count("<svg") == 4


def test_report_with_everything(copy, traffic):
    evaluate(copy, traffic)
    path = write_report(copy)
    page = path.read_text()
    assert path == copy / "report.html"
    assert page.count("<svg") == 6
    assert page.count('role="img"') == 6
    assert "ridge on lags" in page
    assert "reaches a test relative RMSE of" in page
    assert "src=" not in page
    assert " style=" not in page
    style = page[page.index("<style>") + 7 : page.index("</style>")]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert page.count("<style") == 1
    assert f"style-src &#39;sha256-{digest}&#39;" in page
    for picture in (copy / "figures").glob("*.svg"):
        plain = ElementTree.fromstring(without_styles(picture.read_text()))
        assert plain.get("stroke-linejoin") == "round"
    assert 'href="http' not in page.replace("http://www.w3.org", "")
    names = {p.stem for p in (copy / "figures").glob("*.png")}
    assert names == {"convergence", "horizon", "seconds", "windows", "clusters", "map"}


def test_without_rounds_there_is_no_convergence_to_draw(copy):
    dataset = SyntheticDataset.load(copy)
    start = {"history": dataset.manifest.history[:1]}
    only_start = dataset.manifest.model_copy(update=start)
    examples = (copy / "examples.npz").read_bytes()
    dataclasses.replace(dataset, manifest=only_start).save(
        copy, lambda aside: (aside / "examples.npz").write_bytes(examples)
    )
    assert write_report(copy).read_text().count("<svg") == 3
    assert not (copy / "figures" / "convergence.png").exists()


def test_cross_architecture_table_and_figure(copy, traffic):
    evaluate_forecasters(copy, traffic, ["dlinear", "stid"])
    page = write_report(copy).read_text()
    assert "Other forecasters on the same data" in page
    assert page.count("<td>stid</td>") == 3
    assert (copy / "figures" / "cross_architecture.png").exists()


def test_output_elsewhere(copy, tmp_path):
    assert write_report(copy, tmp_path / "x.html") == tmp_path / "x.html"


def test_an_evaluation_of_another_data_set_is_not_shown(copy, caplog):
    result = evaluation({"distilled": row(0.5)}, {"ridge": row(0.9)})
    write_judged(copy / "evaluation.json", result.to_json(), "0" * 64)
    assert "Not evaluated yet" in write_report(copy).read_text()
    assert "is about another data set and is not shown; run stemdist evaluate" in caplog.text


def test_figures_of_a_folder_that_cannot_be_written_to_are_beside_the_page(
    copy, tmp_path, monkeypatch
):
    why = {copy: "Read-only file system"}
    monkeypatch.setattr(html, "why_not_writable", why.get)
    write_report(copy, tmp_path / "pages" / "x.html")
    assert (tmp_path / "pages" / "figures" / "clusters.png").exists()
    assert not (copy / "figures").exists()


def test_figure_of_a_ranking(copy):
    RankStore(copy).write(ranking(), generation(copy), b"png", [])
    text = write_report(copy).read_text()
    assert "Do small data rank as full training does?" in text
    assert (copy / "figures" / "rank.png").exists()


@pytest.mark.parametrize("name", ["evaluation.json", "cross_architecture.json"])
@pytest.mark.parametrize("content", ["{", "[]", '{"sha256": "x"}'])
def test_damaged_evaluation(copy, name, content):
    (copy / name).write_text(content)
    with pytest.raises(ArtifactError, match="run stemdist evaluate again"):
        write_report(copy)


def test_rows_in_order(copy):
    names = ["distilled", "random_subset", "centroid", "node_sampled"]
    result = evaluation({name: row(0.5) for name in names}, {"ridge": row(0.9)})
    write_judged(copy / "evaluation.json", result.to_json(), generation(copy))
    rows = run_view(copy)["rows"]
    assert [r.title for r in rows] == [ROWS.get(n).report_title for n in (*names, "ridge")]
    assert [r.trivial for r in rows] == [False] * 4 + [True]
    assert (rows[0].cells[0], rows[-1].cells[0]) == ("0.500 ± 0.010", "0.900")
    assert {r.cells[1] for r in rows} == {""}
    both = evaluation({n: row(0.5) for n in names}, {"ridge": row(0.9)}, {"distilled": row(0.7)})
    write_judged(copy / "evaluation.json", both.to_json(), generation(copy))
    rows = run_view(copy)["rows"]
    assert [r.cells[1] for r in rows] == ["0.700 ± 0.010", "", "", "", ""]


def test_rows_of_other_releases_are_shown_by_their_names(copy):
    result = evaluation({"distilled": row(0.5), "oracle": row(0.1)}, {"ridge": row(0.9)})
    write_judged(copy / "evaluation.json", result.to_json(), generation(copy))
    page = write_report(copy).read_text()
    assert "<td>oracle</td>" in page
    assert "oracle 0.100" in page


@pytest.mark.parametrize(
    ("full", "words"),
    [
        (12.0, "took 100 s. Against full data, with base (0.500 in 12.0 s): as good after 2.0 s; "
         "distilling pays from 10 models on."),
        (1.0, "distilling does not pay"),
    ],
)  # fmt: skip
def test_when_distilling_pays(artifact, full, words):
    rows = {"distilled": row(0.5, seconds=2.0), "full_data": row(0.5, seconds=full)}
    assert words in outcome(read_manifest(artifact), evaluation(rows, {"ridge": row(0.5)}))


@pytest.mark.parametrize(("rows", "seconds"), [((), 100.0), (("full_data",), float("nan"))])
def test_where_nothing_is_known_of_costs_nothing_is_said(artifact, rows, seconds):
    trained = {name: row(0.5) for name in ("distilled", *rows)}
    naive = {"ridge": row(0.5)}
    text = outcome(read_manifest(artifact), evaluation(trained, naive, distill_seconds=seconds))
    assert "Distilling took" not in text
    assert text == text.strip()


def test_styles_of_drawings_become_attributes():
    drawing = (
        '<svg width="9">\n<defs><style type="text/css">*{stroke-linejoin: round; a: b}</style>'
        "</defs>"
        '<path style="fill: none; stroke: url(#a)"/></svg>'
    )
    assert without_styles(drawing) == (
        '<svg stroke-linejoin="round" a="b" width="9">\n<defs></defs>'
        '<path fill="none" stroke="url(#a)"/></svg>'
    )
