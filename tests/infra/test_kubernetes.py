"""The Kubernetes manifests: schemas, kustomize, rights of pods, network, names that match."""

import json
import shlex

import kubernetes_validate
import pytest
import yaml
from pydantic import ValidationError

from stemdist_ray.cli.files import TuneFile
from stemdist_ray.config.yaml_files import read_yaml
from tests.conftest import ROOT
from tests.infra.files import COMPONENTS, KUBERNETES, OVERLAYS, PINS, built, load, manifests
from tests.infra.kuberay import RayCluster, RayJob, check_kubernetes

MODELS = {"RayCluster": RayCluster, "RayJob": RayJob}
# Of an operator whose schema no package carries.
WITHOUT_SCHEMA = {"PodMonitor"}


def check(tree):
    """Hold one object against its schema; unknown fields are errors."""
    if tree["kind"] in MODELS:
        MODELS[tree["kind"]].model_validate(tree)
    elif tree["kind"] not in WITHOUT_SCHEMA:
        check_kubernetes(tree)


def cluster_spec(tree):
    return tree["spec"] if tree["kind"] == "RayCluster" else tree["spec"]["rayClusterSpec"]


def pods(trees):
    """(kind, labels, pod spec) of every pod that the objects ask for."""
    for tree in trees:
        if tree["kind"] in MODELS:
            spec = cluster_spec(tree)
            templates = [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
            templates = [group["template"] for group in templates]
            if tree["kind"] == "RayJob":
                templates.append(tree["spec"]["submitterPodTemplate"])
        elif tree["kind"] in ("Deployment", "StatefulSet"):
            templates = [tree["spec"]["template"]]
        else:
            continue
        for template in templates:
            yield tree["kind"], template["metadata"]["labels"], template["spec"]


def test_every_object_keeps_to_its_schema():
    kinds = [tree["kind"] for tree in manifests()]
    assert {"RayCluster", "RayJob", "NetworkPolicy", "PodDisruptionBudget", "Namespace"} <= set(
        kinds
    )
    for tree in manifests():
        check(tree)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_overlays_build_and_what_they_build_is_valid(overlay):
    trees = built(KUBERNETES / "overlays" / overlay)
    for tree in trees:
        check(tree)
        if tree["kind"] != "Namespace":
            assert tree["metadata"]["namespace"] == "stemdist"
    for _, _, pod in pods(trees):
        for container in pod["containers"]:
            assert container["image"].startswith(("registry.example.com/stemdist-ray:", "postgres"))
    (ray,) = [tree for tree in trees if tree["kind"] in MODELS]
    assert ray["kind"] == ("RayJob" if overlay == "job" else "RayCluster")
    groups = {group["groupName"] for group in cluster_spec(ray)["workerGroupSpecs"]}
    assert groups == ({"cpu"} if overlay == "cpu" else {"cpu", "gpu"})


def test_an_overlay_of_ones_own_sets_namespace_image_and_components(tmp_path):
    """As a user writes it: other namespace, other registry by digest, every component."""
    copy = tmp_path / "kubernetes"
    for path in KUBERNETES.rglob("*.yaml"):
        target = copy / path.relative_to(KUBERNETES)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(path.read_text())
    mine = copy / "overlays" / "mine"
    mine.mkdir()
    digest = f"sha256:{'0' * 64}"
    tree = {
        "namespace": "forecasts",
        "resources": ["../../base", "../../cluster", "../../job"],
        "components": [f"../../components/{name}" for name in COMPONENTS],
        "images": [{"name": "stemdist-ray", "newName": "r.example/s", "digest": digest}],
    }
    (mine / "kustomization.yaml").write_text(yaml.safe_dump(tree))
    trees = built(mine)
    for tree in trees:
        check(tree)
    spaces = {tree["metadata"].get("namespace") for tree in trees} - {None}
    assert spaces == {"forecasts"}
    assert [t["metadata"]["name"] for t in trees if t["kind"] == "Namespace"] == ["forecasts"]
    for _, labels, pod in pods(trees):
        if labels["app"] in ("stemdist-ray", "stemdist-submitter", "stemdist-mlflow"):
            assert [c["image"] for c in pod["containers"]] == [f"r.example/s@{digest}"]
    by_kind = {tree["kind"]: cluster_spec(tree) for tree in trees if tree["kind"] in MODELS}
    assert by_kind["RayCluster"]["tlsOptions"] == by_kind["RayJob"]["tlsOptions"]
    assert "redisAddress" in by_kind["RayCluster"]["gcsFaultToleranceOptions"]
    # A job is retried on a new cluster: there is nothing for it to come back to.
    assert "gcsFaultToleranceOptions" not in by_kind["RayJob"]


def broken(change):
    tree = load(KUBERNETES / "job" / "rayjob.yaml")
    change(tree["spec"])
    return tree


@pytest.mark.parametrize(
    ("typo", "change"),
    [
        ("maxReplica", lambda s: s["rayClusterSpec"]["workerGroupSpecs"][0].update(maxReplica=3)),
        ("backofLimit", lambda s: s.update(backofLimit=2)),
        ("tlsOption", lambda s: s["rayClusterSpec"].update(tlsOption={"enabled": True})),
        (
            "seccompProfil",
            lambda s: s["rayClusterSpec"]["autoscalerOptions"]["securityContext"].update(
                seccompProfil={}
            ),
        ),
        ("imagee", lambda s: s["submitterPodTemplate"]["spec"]["containers"][0].update(imagee="x")),
        (
            "volumeMount",
            lambda s: s["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["containers"][
                0
            ].update(volumeMount=[]),
        ),
    ],
)
def test_a_typo_anywhere_is_caught(typo, change):
    with pytest.raises((ValidationError, kubernetes_validate.ValidationError), match=typo):
        check(broken(change))


def test_a_typo_in_kubernetes_own_kinds_is_caught():
    (policy, *_) = [tree for tree in manifests() if tree["kind"] == "NetworkPolicy"]
    policy["spec"]["podSelectr"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="podSelectr"):
        check(policy)


def test_pods_keep_to_the_restricted_pod_security_standard():
    (space,) = [tree for tree in manifests() if tree["kind"] == "Namespace"]
    assert space["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    seen = 0
    for kind, labels, pod in pods(manifests()):
        seen += 1
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        # Only the autoscaler, in the head's pod, speaks to Kubernetes.
        if "automountServiceAccountToken" not in pod:
            assert kind in MODELS
            assert any(p.get("name") == "dashboard" for p in pod["containers"][0]["ports"])
        for container in pod["containers"]:
            locked = container["securityContext"]
            assert locked["allowPrivilegeEscalation"] is False
            assert locked["capabilities"] == {"drop": ["ALL"]}
            assert locked.get("readOnlyRootFilesystem") or labels["app"] == "stemdist-submitter"
            assert {"cpu", "memory"} <= set(container["resources"]["limits"])
    assert seen == 8
    for tree in manifests():
        if tree["kind"] in MODELS:
            locked = cluster_spec(tree)["autoscalerOptions"]["securityContext"]
            assert locked["seccompProfile"] == {"type": "RuntimeDefault"}
            assert locked["capabilities"] == {"drop": ["ALL"]}
            assert locked["allowPrivilegeEscalation"] is False
            assert locked["runAsNonRoot"] is True


def test_cluster_and_job_are_the_same_machines():
    """Written twice, because a RayJob holds its cluster inside."""
    trees = {tree["kind"]: tree for tree in manifests() if tree["kind"] in MODELS}
    assert cluster_spec(trees["RayCluster"]) == cluster_spec(trees["RayJob"])
    patches = [load(KUBERNETES / "components" / "gpu" / f"{k.lower()}.yaml")[0] for k in MODELS]
    assert patches[0]["value"] == patches[1]["value"]
    cpu = cluster_spec(trees["RayJob"])["workerGroupSpecs"][0]
    cpu_pod, gpu_pod = (g["template"]["spec"] for g in (cpu, patches[0]["value"]))
    for key in ("securityContext", "volumes", "automountServiceAccountToken"):
        assert cpu_pod[key] == gpu_pod[key]
    for key in ("env", "securityContext", "volumeMounts"):
        assert cpu_pod["containers"][0][key] == gpu_pod["containers"][0][key]


def policies():
    found = {t["metadata"]["name"]: t["spec"] for t in manifests() if t["kind"] == "NetworkPolicy"}
    assert len(found) == 8
    return found


def test_every_pod_of_ours_is_behind_a_policy_for_both_directions():
    covered = {}
    for name, spec in policies().items():
        labels = spec["podSelector"]["matchLabels"]
        assert set(labels) <= {"app", "ray.io/node-type"}, name  # ours, not every Ray pod there is
        covered.setdefault(labels["app"], set()).update(spec["policyTypes"])
    for _, labels, _ in pods(manifests()):
        assert covered[labels["app"]] == {"Ingress", "Egress"}


def test_the_operator_is_known_by_the_label_that_all_its_installations_have():
    peers = [p for rule in policies()["stemdist-ray"]["ingress"] for p in rule["from"]]
    (operator,) = [p for p in peers if "namespaceSelector" in p]
    assert operator["podSelector"]["matchLabels"] == {
        "app.kubernetes.io/component": "kuberay-operator"
    }


def test_who_reaches_whom():
    """Both ends of each connection: what one policy lets out, the other lets in."""
    wanted = {
        ("stemdist-ray", "stemdist-ray", None),
        ("stemdist-ray", "stemdist-mlflow", 5000),
        ("stemdist-ray", "stemdist-redis", 6379),
        ("stemdist-submitter", "stemdist-ray", 8265),
        ("stemdist-mlflow", "stemdist-postgres", 5432),
    }
    out, into = set(), set()
    for spec in policies().values():
        own = spec["podSelector"]["matchLabels"]["app"]
        for direction, key, found in (("egress", "to", out), ("ingress", "from", into)):
            for rule in spec.get(direction, []):
                ports = [p["port"] for p in rule.get("ports", [])] or [None]
                apps = [p["podSelector"]["matchLabels"].get("app") for p in rule[key]
                        if "podSelector" in p]  # fmt: skip
                ends = [(own, a) if key == "to" else (a, own) for a in apps if a]
                found |= {(*end, port) for end in ends for port in ports}
    assert out == into == wanted


def test_names_that_belong_together():
    trees = list(manifests())
    claims = {t["metadata"]["name"] for t in trees if t["kind"] == "PersistentVolumeClaim"}
    readme = (ROOT / "infra" / "README.md").read_text()
    secrets = {}
    for line in readme.splitlines():
        if line.startswith("kubectl -n stemdist create secret generic "):
            words = shlex.split(line.split(" #")[0])
            keys = {w.split("=")[1] for w in words if w.startswith("--from-literal=")}
            secrets[words[6]] = keys
    for _, _, pod in pods(trees):
        volumes = pod.get("volumes", [])
        mounts = {m["name"] for c in pod["containers"] for m in c.get("volumeMounts", [])}
        assert mounts <= {v["name"] for v in volumes} | {"data"}
        for volume in volumes:
            if "persistentVolumeClaim" in volume:
                assert volume["persistentVolumeClaim"]["claimName"] in claims
            if "secret" in volume:
                keys = {i["key"] for i in volume["secret"].get("items", [])}
                assert keys <= secrets[volume["secret"]["secretName"]]
        for container in pod["containers"]:
            for entry in container.get("env", []):
                if "valueFrom" in entry:
                    key = entry["valueFrom"]["secretKeyRef"]
                    assert key["key"] in secrets[key["name"]]
                if entry.get("value", "").startswith("/secrets/"):
                    assert entry["value"].removeprefix("/secrets/") in secrets["stemdist-mlflow"]
    assert "auth_token" in secrets["stemdist-ray-token"]
    assert secrets["stemdist-redis"] == {"password"}
    # Jobs do not get the key of the house.
    assert "admin-password" not in json.dumps([t for t in trees if t["kind"] in MODELS])


def test_ray_manifests_agree_with_the_project():
    for tree in manifests():
        if tree["kind"] in MODELS:
            spec = cluster_spec(tree)
            assert spec["rayVersion"] == PINS["ray"]
            assert spec["authOptions"] == {"mode": "token", "secretName": "stemdist-ray-token"}
            for group in spec["workerGroupSpecs"]:
                assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    job = load(KUBERNETES / "job" / "rayjob.yaml")["spec"]
    program, script, flag, config = job["entrypoint"].split()
    assert (program, flag) == ("python", "--config")
    assert (ROOT / script.removeprefix("/opt/stemdist/")).exists()
    file = TuneFile.parse(read_yaml(ROOT / config.removeprefix("/opt/stemdist/")))
    assert file.resume  # a retried job goes on
    assert str(file.out).startswith("/runs/")
    workers = file.config["worker"]
    assert workers["start_timeout"] >= 1800  # a spot machine with a GPU
    # What a sweep plans with when it begins: the workers that are always there.
    group = job["rayClusterSpec"]["workerGroupSpecs"][0]
    cpus = int(group["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"])
    assert group["minReplicas"] * cpus >= workers["num_workers"] + 1


def test_servers_are_probed_and_nothing_is_exposed():
    for tree in manifests():
        if tree["kind"] == "Service":
            assert tree["spec"].get("type", "ClusterIP") == "ClusterIP"
        if tree["kind"] in ("Deployment", "StatefulSet"):
            (container,) = tree["spec"]["template"]["spec"]["containers"]
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                assert container[probe]["periodSeconds"] >= 5
    (budget,) = [t for t in manifests() if t["kind"] == "PodDisruptionBudget"]
    assert budget["spec"]["minAvailable"] == 1
    labels = budget["spec"]["selector"]["matchLabels"]
    assert labels == {"app": "stemdist-ray", "ray.io/node-type": "head"}
