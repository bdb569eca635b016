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
    none, dead, silent = uris[:3]  # they warm up
    assert none is None
    assert dead != silent
    assert uris[3:] == [none, dead, silent, dead, silent, none]  # no way always comes first
    figures = json.loads((tmp_path / "x.json").read_text())
    assert set(figures["ways"]) == set(figures["taken"]) == {"untracked", "dead", "silent"}
    assert figures["ways"]["untracked"]["ratio"] == 1
    assert "dead server" in capsys.readouterr().out


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
    for rounds, turns in ((0, 2), (1, 1)):
        with pytest.raises(ConfigError, match=f"found {rounds} and {turns}"):
            run_tracking_command(None, rounds, turns, None, "it")
