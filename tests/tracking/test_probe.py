import socket
import threading

import pytest

from stemdist_ray.tracking import probe
from stemdist_ray.tracking.probe import check_answers
from tests.integration.ports import free_ports


@pytest.fixture
def listening(monkeypatch):
    """A server that answers with some bytes, or with none at all."""
    monkeypatch.setattr(probe, "PATIENCE", 0.3)
    heard, server = [], socket.create_server(("127.0.0.1", 0))
    server.settimeout(10)

    def serve(answer, first=False):
        def run():
            connection, _ = server.accept()
            with connection:
                if not first:
                    heard.append(connection.recv(4096))
                if answer is not None:
                    connection.sendall(answer)
                    return
                done.wait(5)

        thread = threading.Thread(target=run)
        threads.append(thread)
        thread.start()
        return f"127.0.0.1:{server.getsockname()[1]}", heard

    threads, done = [], threading.Event()
    yield serve
    done.set()
    for thread in threads:
        thread.join()
    server.close()


@pytest.mark.parametrize(
    ("scheme", "answer", "first", "asked"),
    [
        ("http", b"HTTP/1.1 401 no", False, b"GET /base/health HTTP/1.1\r\nHost: 127.0.0.1\r\n"),
        ("postgresql+psycopg2", b"N", False, b"\x00\x00\x00\x08"),
        ("mysql+pymysql", b"5.7", True, b""),
    ],
)
def test_servers_that_answer(listening, scheme, answer, first, asked):
    where, heard = listening(answer, first)
    check_answers(f"{scheme}://me:Hunter2Hunter2@{where}/base")
    assert all(words.startswith(asked) and b"Hunter2" not in words for words in heard)


@pytest.mark.parametrize("scheme", ["http", "postgresql"])
def test_silent_servers(listening, scheme):
    where, _ = listening(None)
    with pytest.raises(TimeoutError, match=r"no answer from 127.0.0.1 within 0.3 s"):
        check_answers(f"{scheme}://{where}")


def test_servers_that_hang_up(listening):
    where, _ = listening(b"")
    with pytest.raises(ConnectionError, match="without an answer"):
        check_answers(f"http://{where}")


def test_dead_servers():
    (port,) = free_ports(1)
    with pytest.raises(ConnectionRefusedError):
        check_answers(f"postgresql://u:p@127.0.0.1:{port}/d")


@pytest.mark.parametrize("uri", ["sqlite:////a/b.db", "file:///a", "databricks", "other://x"])
def test_stores_that_cannot_be_asked(uri):
    check_answers(uri)


def test_what_a_proxy_stands_in_front_of_is_not_asked(monkeypatch):
    (port,) = free_ports(1)
    monkeypatch.setenv("http_proxy", "http://proxy:1")
    monkeypatch.setenv("no_proxy", "")
    check_answers(f"http://example.test:{port}")
