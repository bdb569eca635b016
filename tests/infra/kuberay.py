"""The fields of KubeRay 1.7's resources that the manifests may use; anything else is an error.

Written from the API reference, because no package carries KubeRay's own schemas. Pod templates,
resources and security contexts are Kubernetes' own and are held against its schema.
"""

import json
from functools import cache
from typing import Any, Literal

import kubernetes_validate
from pydantic import BaseModel, ConfigDict, Field, field_validator

KUBERNETES = "1.31"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


@cache
def _check(text: str) -> None:
    kubernetes_validate.validate(json.loads(text), KUBERNETES, strict=True)


def check_kubernetes(tree: dict[str, Any]) -> None:
    """Hold an object of Kubernetes' own against its schema, the same one only once."""
    _check(json.dumps(tree))


def check_pod(template: dict[str, Any]) -> dict[str, Any]:
    """A pod template, as Kubernetes would take it."""
    unknown = set(template) - {"metadata", "spec"}
    if unknown:
        raise ValueError(f"a pod template has no {unknown}")
    metadata = {"name": "x", **template.get("metadata", {})}
    check_kubernetes(
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
    )
    return template


def check_container(**fields: Any) -> None:
    """Fields of a container, as Kubernetes would take them."""
    check_pod({"spec": {"containers": [{"name": "x", "image": "x", **fields}]}})


class Metadata(Strict):
    name: str
    namespace: str = "default"
    labels: dict[str, str] = {}


class AuthOptions(Strict):
    mode: Literal["token", "disabled"]
    secretName: str


class AutoscalerOptions(Strict):
    idleTimeoutSeconds: int
    upscalingMode: Literal["Default", "Aggressive", "Conservative"]
    resources: dict[str, Any]
    securityContext: dict[str, Any]
    version: Literal["v1", "v2"] | None = None

    @field_validator("resources", "securityContext")
    @classmethod
    def _as_in_a_container(cls, value: dict[str, Any], info: Any) -> dict[str, Any]:
        check_container(**{info.field_name: value})
        return value


class RedisCredential(Strict):
    valueFrom: dict[str, Any]

    @field_validator("valueFrom")
    @classmethod
    def _as_in_a_container(cls, value: dict[str, Any]) -> dict[str, Any]:
        check_container(env=[{"name": "X", "valueFrom": value}])
        return value


class GcsFaultToleranceOptions(Strict):
    redisAddress: str
    redisUsername: RedisCredential | None = None
    redisPassword: RedisCredential | None = None
    externalStorageNamespace: str | None = None


class TlsOptions(Strict):
    enabled: bool


class Group(Strict):
    rayStartParams: dict[str, str]
    template: dict[str, Any]
    resources: dict[str, str] = {}
    labels: dict[str, str] = {}

    @field_validator("template")
    @classmethod
    def _is_a_pod(cls, value: dict[str, Any]) -> dict[str, Any]:
        return check_pod(value)


class HeadGroup(Group):
    serviceType: Literal["ClusterIP"] = "ClusterIP"


class WorkerGroup(Group):
    groupName: str
    replicas: int = Field(ge=0)
    minReplicas: int = Field(ge=0)
    maxReplicas: int = Field(ge=0)
    idleTimeoutSeconds: int | None = None
    numOfHosts: int = 1


class ClusterSpec(Strict):
    rayVersion: str
    authOptions: AuthOptions
    enableInTreeAutoscaling: bool
    autoscalerOptions: AutoscalerOptions
    headGroupSpec: HeadGroup
    workerGroupSpecs: list[WorkerGroup]
    gcsFaultToleranceOptions: GcsFaultToleranceOptions | None = None
    tlsOptions: TlsOptions | None = None


class RayCluster(Strict):
    apiVersion: Literal["ray.io/v1"]
    kind: Literal["RayCluster"]
    metadata: Metadata
    spec: ClusterSpec


class JobSpec(Strict):
    entrypoint: str
    submissionMode: Literal["K8sJobMode", "HTTPMode", "InteractiveMode"]
    backoffLimit: int = Field(ge=0)
    activeDeadlineSeconds: int | None = Field(None, gt=0)
    shutdownAfterJobFinishes: bool
    ttlSecondsAfterFinished: int = Field(ge=0)
    submitterPodTemplate: dict[str, Any]
    rayClusterSpec: ClusterSpec

    @field_validator("submitterPodTemplate")
    @classmethod
    def _is_a_pod(cls, value: dict[str, Any]) -> dict[str, Any]:
        return check_pod(value)


class RayJob(Strict):
    apiVersion: Literal["ray.io/v1"]
    kind: Literal["RayJob"]
    metadata: Metadata
    spec: JobSpec
