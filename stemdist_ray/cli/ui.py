"""``stemdist ui``: the MLflow UI on the runs of a folder."""

from __future__ import annotations

import os
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

import typer

from stemdist_ray.cli.options import TrackingOption
from stemdist_ray.errors import ConfigError


def ui(
    folder: Annotated[
        Path, typer.Argument(metavar="[RUNS]", help="Folder that holds the runs.")
    ] = Path("runs"),
    tracking_uri: TrackingOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 5000,
) -> None:
    """Open the MLflow UI on the tracking store of RUNS."""
    from stemdist_ray.config import TrackingConfig
    from stemdist_ray.config.secrets import redact
    from stemdist_ray.system.outputs import sqlite_path
    from stemdist_ray.tracking.mlflow import tracking_uri as resolve

    _check_host(host)
    uri = resolve(TrackingConfig(uri=tracking_uri), folder)
    store = sqlite_path(uri)
    if store is not None and not store.exists():
        raise ConfigError(
            f"no tracking store at {uri}; run stemdist distill first, or name the folder of the "
            "runs or a --tracking-uri"
        )
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    # Not as an argument: every user of the machine can see those.
    os.environ["MLFLOW_BACKEND_STORE_URI"] = uri
    typer.echo(f"MLflow UI of {redact(uri)} at http://{host}:{port} (Ctrl-C stops it)")
    command = [sys.executable, "-m", "mlflow", "ui"]
    os.execv(sys.executable, [*command, "--host", host, "--port", str(port), "--workers", "1"])


def _check_host(host: str) -> None:
    """Refuse to show the runs to other machines: the UI asks nobody for a password.

    Raises:
        ConfigError: The address is not this machine's own.
    """
    try:
        own = ip_address(host).is_loopback
    except ValueError:
        own = host == "localhost"
    if not own:
        raise ConfigError(
            f"--host is {host}, and whoever reaches it could read, change and delete all runs: "
            "stemdist ui asks for no password. Leave --host out and reach it through ssh "
            "(ssh -L 5000:127.0.0.1:5000 MACHINE), or start a server that asks for one, as "
            "infra/mlflow-server.sh does"
        )
