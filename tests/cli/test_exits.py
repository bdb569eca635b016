import signal

import pytest

from stemdist_ray.cli.exits import exit_codes, prepare_process
from stemdist_ray.errors import DataError


def test_domain_errors_are_one_line_and_exit_code_2(capsys):
    with pytest.raises(SystemExit) as caught, exit_codes():
        raise DataError("found 3,\n  expected 4")
    assert caught.value.code == 2
    assert capsys.readouterr().err == "error: found 3, expected 4\n"


def test_messages_are_put_into_the_words_of_their_reader(capsys):
    with pytest.raises(SystemExit), exit_codes(str.upper):
        raise DataError("found 3")
    assert capsys.readouterr().err == "error: FOUND 3\n"


def test_interruption_is_130():
    with pytest.raises(SystemExit) as caught, exit_codes():
        raise KeyboardInterrupt
    assert caught.value.code == 130


def test_bugs_are_not_hidden():
    with pytest.raises(ZeroDivisionError), exit_codes():
        _ = 1 / 0


def test_sigterm_stops_like_ctrl_c():
    before = signal.getsignal(signal.SIGTERM)
    try:
        prepare_process()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError("Unable to allocate 9 TiB"), "error: not enough memory: Unable to allocate"),
        (MemoryError(), "error: not enough memory: an array did not fit"),
        (
            OSError(28, "No space left on device", "runs/x"),
            "error: runs/x: No space left on device",
        ),
        (PermissionError(13, "Permission denied", "/x"), "error: /x: Permission denied"),
    ],
)
def test_what_the_machine_refuses(capsys, error, words):
    with pytest.raises(SystemExit) as caught, exit_codes():
        raise error
    assert caught.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith(words)
    assert told.count("\n") == 1
