import logging
import subprocess
import sys

import pytest

from stemdist_ray.execution.words import Notebook, Repeater, Word, level_here

OWN = logging.getLogger("stemdist_ray.training.somewhere")


@pytest.fixture
def notebook():
    notebook = Notebook(most=3)
    root = logging.getLogger()
    root.addHandler(notebook)
    yield notebook
    root.removeHandler(notebook)


def test_the_last_records_are_kept_with_their_numbers(notebook):
    for number in range(5):
        OWN.warning("number %d\n  of five", number)
    assert [(word.number, word.text) for word in notebook.after(0)] == [
        (2, "number 2 of five"),
        (3, "number 3 of five"),
        (4, "number 4 of five"),
    ]
    assert [word.number for word in notebook.after(4)] == [4]
    assert notebook.after(5) == ()
    assert notebook.after(4)[0] == Word(4, logging.WARNING, OWN.name, "number 4 of five")


def test_other_packages_count_from_warnings_on(notebook):
    notebook.handle(logging.makeLogRecord({"name": "other", "levelno": logging.INFO, "msg": "a"}))
    notebook.handle(logging.makeLogRecord({"name": OWN.name, "levelno": logging.INFO, "msg": "b"}))
    notebook.handle(logging.makeLogRecord({"name": "other", "levelno": logging.ERROR, "msg": "c"}))
    assert [word.text for word in notebook.after(0)] == ["b", "c"]


def test_a_message_that_does_not_fit_its_arguments_is_kept_as_it_is(notebook):
    record = {"name": "other", "levelno": logging.ERROR, "msg": "%d of", "args": ("three",)}
    notebook.handle(logging.makeLogRecord(record))
    assert notebook.after(0)[0].text == "%d of"
    notebook.handle(logging.makeLogRecord({**record, "msg": "long " * 9999, "args": ()}))
    assert len(notebook.after(1)[0].text) == 2000


def test_a_process_notes_its_log_and_warnings():
    code = (
        "import logging, warnings\n"
        "from stemdist_ray.execution.words import take_notes\n"
        "notes = take_notes(logging.INFO)\n"
        "warnings.warn('beware', RuntimeWarning)\n"
        "logging.getLogger('stemdist_ray.x').info('told')\n"
        "logging.getLogger('other').info('not told')\n"
        "print([(word.logger, word.text) for word in notes.after(0)])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == (
        "[('py.warnings', '<string>:4: RuntimeWarning: beware'), ('stemdist_ray.x', 'told')]"
    )


def test_what_many_workers_say_is_said_once(caplog):
    repeater = Repeater()
    with caplog.at_level(logging.INFO):
        repeater.repeat("worker 1 on a", [Word(0, logging.WARNING, "py.warnings", "beware")])
        repeater.repeat("worker 2 on b", [Word(0, logging.WARNING, "py.warnings", "beware")])
        repeater.repeat("worker 2 on b", [Word(1, logging.INFO, OWN.name, "100% told")])
    assert caplog.record_tuples == [
        ("py.warnings", logging.WARNING, "worker 1 on a: beware"),
        (OWN.name, logging.INFO, "worker 2 on b: 100% told"),
    ]


def test_the_level_is_that_of_this_process(caplog):
    with caplog.at_level(logging.DEBUG, logger="stemdist_ray"):
        assert level_here() == logging.DEBUG
