"""Whether a tracking server answers, found out in seconds and without loading MLflow."""

from __future__ import annotations

import socket
import ssl
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

PATIENCE = 3.0  # seconds for a connection, and for an answer
_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "postgres": 5432, "mysql": 3306}
# "May we speak TLS?": the first words of a client, to which every PostgreSQL answers one letter.
_POSTGRES = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"


def check_answers(uri: str) -> None:
    """Make sure that a server answers; stores that are files, or unknown, always do.

    No credentials are sent. MLflow's own ways to find out take up to minutes.

    Raises:
        OSError: It does not.
    """
    parts = urlsplit(uri)
    scheme = parts.scheme.partition("+")[0].lower()
    host = parts.hostname
    if scheme not in _PORTS or host is None or _through_proxy(scheme, host):
        return
    try:
        with socket.create_connection((host, parts.port or _PORTS[scheme]), PATIENCE) as connection:
            connection.settimeout(PATIENCE)
            if not _greeting(connection, scheme, parts):
                raise ConnectionError("the connection was closed without an answer")
    except TimeoutError as error:
        raise TimeoutError(f"no answer from {host} within {PATIENCE:g} s") from error


def _greeting(connection: socket.socket, scheme: str, parts: SplitResult) -> bytes:
    if scheme in ("postgresql", "postgres"):
        connection.sendall(_POSTGRES)
    elif scheme in ("http", "https"):
        if scheme == "https":
            # Whether the certificate is a good one is MLflow's business: nothing secret is sent.
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            connection = context.wrap_socket(connection, server_hostname=parts.hostname)
        path = parts.path.rstrip("/") + "/health"
        request = f"GET {path} HTTP/1.1\r\nHost: {parts.hostname}\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode("ascii", "ignore"))
    return connection.recv(1)


def _through_proxy(scheme: str, host: str) -> bool:
    return scheme in getproxies() and not proxy_bypass(host)
