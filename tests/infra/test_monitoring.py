"""What Prometheus and Grafana read, against what Ray exports."""

import json
import re
from pathlib import Path

import pytest

from stemdist_ray.distillation.shard import run_shard
from stemdist_ray.distillation.teacher import train_member
from stemdist_ray.execution.ledger import function_name
from stemdist_ray.execution.metering import METRICS, WORKERS_LIVE
from tests.infra.files import INFRA, load

MONITORING = INFRA / "monitoring"
METRIC = re.compile(r"\b(?:ray|autoscaler)_[a-z_]+\b")


def dashboard(name="ray"):
    return json.loads((MONITORING / "grafana" / "dashboards" / f"{name}.json").read_text())


def queries(name):
    return [t["expr"] for panel in dashboard(name)["panels"] for t in panel["targets"]]


def metrics(name="ray"):
    """Names of the metrics that the dashboard asks for."""
    return {metric for query in queries(name) for metric in METRIC.findall(query)}


def test_every_metric_is_one_that_ray_shows_in_its_own_dashboards():
    from ray.dashboard.modules.metrics import dashboards

    text = "".join(p.read_text() for p in Path(dashboards.__file__).parent.glob("*_panels.py"))
    known = set(METRIC.findall(text))
    assert len(known) > 50
    assert metrics() <= known | {"ray_stemdist_"}
    assert len(metrics()) > 12
    assert "ray_node_mem_usd_host" not in known


def test_every_metric_of_ours_has_a_panel_and_every_label_is_exported():
    assert metrics("stemdist") == {metric.exported for metric in METRICS}
    by_name = {metric.exported: {"Run", *metric.labels} for metric in METRICS}
    for query in queries("stemdist"):
        (name,) = METRIC.findall(query)
        labels = set(re.findall(r"\b([A-Z]\w+)=", query)) | set(re.findall(r"by \((\w+)\)", query))
        assert labels <= by_name[name]
        assert 'Run=~"$Run"' in query
    kinds = set(re.findall(r'Kind="([^"]+)"', " ".join(queries("stemdist"))))
    assert kinds == {function_name(run_shard), function_name(train_member)}
    (variable,) = dashboard("stemdist")["templating"]["list"]
    assert METRIC.findall(variable["definition"]) == [WORKERS_LIVE.exported]


@pytest.mark.parametrize("name", ["ray", "stemdist"])
def test_the_dashboard_is_one_that_grafana_takes(name):
    board = dashboard(name)
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    (source,) = load(MONITORING / "grafana" / "datasources" / "prometheus.yaml")["datasources"]
    assert {panel["datasource"]["uid"] for panel in panels} == {source["uid"]}
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len(panels)
    for panel in panels:
        assert {"title", "type", "gridPos", "fieldConfig", "targets"} <= set(panel)
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    uids = {dashboard(other)["uid"] for other in ("ray", "stemdist")}
    assert len(uids) == 2
    assert dashboard()["panels"][-1]["targets"][0]["expr"] == '{__name__=~"ray_stemdist_.+"}'
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
