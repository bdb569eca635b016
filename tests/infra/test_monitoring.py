"""What Prometheus and Grafana read, against what Ray exports."""

import json
import re
from pathlib import Path

import pytest

from tests.infra.files import INFRA, load

MONITORING = INFRA / "monitoring"
METRIC = re.compile(r"\b(?:ray|autoscaler)_[a-z_]+\b")


def dashboard():
    return json.loads((MONITORING / "grafana" / "dashboards" / "ray.json").read_text())


def metrics():
    """Names of the metrics that the dashboard asks for."""
    queries = [t["expr"] for panel in dashboard()["panels"] for t in panel["targets"]]
    names = {name for query in queries for name in METRIC.findall(query)}
    return {name for name in names if not name.startswith("ray_stemdist")}


def test_every_metric_is_one_that_ray_shows_in_its_own_dashboards():
    from ray.dashboard.modules.metrics import dashboards

    text = "".join(p.read_text() for p in Path(dashboards.__file__).parent.glob("*_panels.py"))
    known = set(METRIC.findall(text))
    assert len(known) > 50
    assert metrics() <= known
    assert len(metrics()) > 12
    assert "ray_node_mem_usd_host" not in known


def test_the_dashboard_is_one_that_grafana_takes():
    board = dashboard()
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    (source,) = load(MONITORING / "grafana" / "datasources" / "prometheus.yaml")["datasources"]
    assert {panel["datasource"]["uid"] for panel in panels} == {source["uid"]}
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len(panels)
    assert panels[-1]["targets"][0]["expr"] == '{__name__=~"ray_stemdist_.+"}'
    (provider,) = load(MONITORING / "grafana" / "dashboards" / "files.yaml")["providers"]
    grafana = load(INFRA / "compose.yaml")["services"]["grafana"]
    mounted = {v.split(":")[1] for v in grafana["volumes"] if v.startswith("./")}
    assert provider["options"]["path"].removesuffix("/dashboards") in mounted


def test_prometheus_asks_every_node_on_the_port_it_exports_on():
    services = load(INFRA / "compose.yaml")["services"]
    jobs = {j["job_name"]: j for j in load(MONITORING / "prometheus.yaml")["scrape_configs"]}
    (nodes,) = jobs["ray"]["dns_sd_configs"]
    for name in nodes["names"]:
        assert f"--metrics-export-port={nodes['port']}" in services[name]["command"]
        assert set(services[name]["networks"]) & set(services["prometheus"]["networks"])
    from ray.autoscaler._private.constants import AUTOSCALER_METRIC_PORT
    from ray.dashboard.consts import DASHBOARD_METRIC_PORT

    (head,) = jobs["ray-head"]["static_configs"]
    ports = {int(target.split(":")[1]) for target in head["targets"]}
    assert ports == {AUTOSCALER_METRIC_PORT, DASHBOARD_METRIC_PORT}


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_launchers_export_there_too(cloud):
    tree = load(INFRA / f"ray-{cloud}.yaml")
    for command in [tree["head_start_ray_commands"][-1], tree["worker_start_ray_commands"][-1]]:
        assert "--metrics-export-port=8080" in command
