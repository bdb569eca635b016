import json

import pytest

from jobs.benchmarks import tracking
from jobs.benchmarks.tracking import run_tracking_command, servers
from stemdist_ray.errors import ConfigError


def test_the_same_run_in_turns(tmp_path, monkeypatch, capsys):
    uris = []

    def distill(source, out, config):
        assert not out.exists()
        uris.append(config.tracking.uri if config.tracking.enabled else None)

    monkeypatch.setattr(tracking, "distill", distill)
    source = "sim:traffic?locations=24,steps=400"
    run_tracking_command(source, 2, 2, tmp_path / "x.json", "it")
    assert uris[:3] == uris[3:6] == uris[6:]  # the first turn warms up
    assert uris[0] is None
    assert uris[1] != uris[2]
    assert set(json.loads((tmp_path / "x.json").read_text())) >= {"dead_ratio", "silent_ratio"}
    assert "with a dead server" in capsys.readouterr().out


def test_one_server_refuses_and_one_says_nothing():
    import socket

    with servers() as (dead, silent):
        dead_port, silent_port = (int(uri.rpartition(":")[2]) for uri in (dead, silent))
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", dead_port), 5)
        with socket.create_connection(("127.0.0.1", silent_port), 5) as client:
            client.settimeout(0.3)
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            with pytest.raises(TimeoutError):
                client.recv(1)


def test_what_cannot_be_measured():
    with pytest.raises(ConfigError, match="from 1"):
        run_tracking_command(None, 0, 1, None, "it")
