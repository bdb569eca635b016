"""What people see, in a real browser: the reports, and a sweep in the MLflow UI.

Screenshots are kept in the folder that STEMDIST_SCREENSHOTS names, else in .pytest_cache.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

from stemdist_ray import evaluate
from stemdist_ray.config import TrackingConfig
from stemdist_ray.report.html import write_report
from stemdist_ray.report.sweep import write_sweep_report
from stemdist_ray.sweeps.monitor import SweepMonitor
from stemdist_ray.sweeps.records import SweepStore
from stemdist_ray.tracking.base_class import RunDescription
from stemdist_ray.tracking.mlflow import create_tracker
from tests.conftest import ROOT
from tests.integration.ports import free_ports
from tests.report.test_sweep import folder as sweep_folder
from tests.sweeps.conftest import Lines

__all__ = ["sweep_folder"]

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
SCREENSHOTS = Path(os.environ.get("STEMDIST_SCREENSHOTS", ROOT / ".pytest_cache" / "screenshots"))

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        CHROMIUM is None or DRIVER is None,
        reason="chromium and chromedriver are not installed (Debian: chromium chromium-driver)",
    ),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def browser():
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (
        *("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "no-first-run"),
        *("disable-background-networking", "disable-component-update", "disable-sync"),
        "window-size=1200,1600",
    ):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


def keep(browser, name):
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    browser.save_screenshot(str(SCREENSHOTS / f"{name}.png"))


def wait_for(condition):
    while not condition():
        time.sleep(0.3)


def check_page(browser, path, name, figures):
    browser.get(path.as_uri())
    assert [e for e in browser.get_log("browser") if e["level"] == "SEVERE"] == []
    drawn = browser.execute_script(
        "return [...document.querySelectorAll('figure svg')].map(s => s.getBoundingClientRect())"
        ".map(r => [r.width, r.height])"
    )
    assert len(drawn) == figures
    assert all(width > 300 and height > 100 for width, height in drawn)
    rows = browser.execute_script(
        "return [...document.querySelectorAll('table')].map(t => t.tBodies[0].rows.length)"
    )
    assert rows
    assert min(rows) >= 1
    unnamed = browser.execute_script(
        "return [...document.querySelectorAll('[role=img]')].filter(e => !e.ariaLabel).length"
    )
    assert unnamed == 0
    wider = browser.execute_script("return document.body.scrollWidth > window.innerWidth")
    assert not wider
    keep(browser, name)
    for scheme in ("dark", "light"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        assert contrast(browser) > 7
        keep(browser, f"{name}-{scheme}")


def contrast(browser):
    """Contrast ratio of text and page (WCAG 2)."""
    colours = browser.execute_script(
        "const s = getComputedStyle(document.body);"
        "return [s.color, s.backgroundColor].map(c => c.match(/[0-9]+/g).slice(0, 3).map(Number))"
    )

    def luminance(rgb):
        parts = [c / 255 for c in rgb]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(c) for c in colours), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_report_of_a_run(browser, artifact, traffic, tmp_path):
    shutil.copytree(artifact, tmp_path / "run")
    (tmp_path / "run" / "cross_architecture.json").unlink(missing_ok=True)
    evaluate(tmp_path / "run", traffic)
    check_page(browser, write_report(tmp_path / "run"), "report", 6)


def test_a_report_runs_and_loads_nothing(browser, artifact, tmp_path):
    page = write_report(artifact, tmp_path / "page.html")
    text = page.read_text().replace("<h1>", "<script>document.title = 'ran'</script><h1>", 1)
    page.write_text(
        text.replace("<h1>", "<h1 style='color: red' onclick='x()'><img src='a.png'>", 1)
    )
    browser.get(page.as_uri())
    assert browser.title != "ran"
    refused = [e["message"] for e in browser.get_log("browser") if e["level"] == "SEVERE"]
    for word in ("script", "style", "image"):
        assert any(word in message and "Content Security Policy" in message for message in refused)


def test_report_of_a_sweep(browser, sweep_folder):
    check_page(browser, write_sweep_report(sweep_folder), "sweep", 7)


@pytest.fixture
def mlflow_ui(tmp_path):
    """`stemdist ui` on a store with a sweep of three trials; yields run ids and address."""
    config = TrackingConfig()

    def opened(run):
        tracker = create_tracker(config, tmp_path)
        tracker.start(run)
        return tracker

    parent = opened(RunDescription("my sweep", params={"trials": 3}))
    monitor = SweepMonitor(
        SweepStore(tmp_path / "sweep"), Lines(), 3, 1, opened, parent_run_id=parent.run_id
    )
    for name in "abc":
        monitor.started(name, {"spatial_ratio": 0.1})
        for number in range(4):
            metrics = {"round": number, "error": 0.9 - 0.1 * number, "bytes": 1000, "seconds": 1}
            monitor.reported(name, metrics)
        monitor.finished(name, 3)
    parent.log_metrics({"trials": 3})
    parent.finish("FINISHED")
    (port,) = free_ports(1)
    command = [str(Path(sys.executable).parent / "stemdist"), "ui", str(tmp_path)]
    process = subprocess.Popen(
        [*command, "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"

    def answers():
        assert process.poll() is None
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5) as page:
                return page.status == 200
        except OSError:
            return False

    try:
        wait_for(answers)
        yield address, monitor.records["a"].run_id
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


@pytest.mark.slow  # a server, and a page that asks it many things
def test_a_sweep_in_the_mlflow_ui(browser, mlflow_ui):
    address, child = mlflow_ui

    def text():
        return browser.find_element("tag name", "body").text

    browser.get(f"{address}/#/experiments/1/runs")
    wait_for(lambda: "my sweep" in text())
    # Children are folded away below their parent.
    unfold = ".ag-row [col-id*='Run Name'] button"
    for button in browser.find_elements("css selector", unfold):
        browser.execute_script("arguments[0].click()", button)
    wait_for(lambda: "trial 1" in text())
    keep(browser, "mlflow-runs")
    assert all(f"trial {number}" in text() for number in (1, 2, 3))

    browser.get(f"{address}/#/experiments/1/runs/{child}/model-metrics")
    wait_for(lambda: "validation_relative_rmse" in text())
    drawn = "return [...document.querySelectorAll('.js-plotly-plot svg.main-svg')].length"
    wait_for(lambda: browser.execute_script(drawn) > 0)
    keep(browser, "mlflow-metrics")
