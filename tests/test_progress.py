import io
import threading
import time
from dataclasses import dataclass

import pytest
from rich.console import Console

from stemdist_ray.progress import (
    BarReporter,
    LineReporter,
    Pulse,
    SilentReporter,
    console_reporter,
    kept_up,
    stage_from_now,
    warnings_to,
)


def test_pipe_gets_plain_lines():
    console = Console(file=io.StringIO(), width=40)
    with console_reporter(console) as reporter:
        assert isinstance(reporter, LineReporter)
        reporter.begin("work", 3)
        reporter.advance()
        reporter.say("a line that is longer than the width of the console and [not] markup")
    text = console.file.getvalue()
    assert text == "a line that is longer than the width of the console and [not] markup\n"


def test_terminal_gets_a_bar():
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    with console_reporter(console) as reporter:
        assert isinstance(reporter, BarReporter)
        reporter.begin("round 1", 2)
        reporter.advance(2)
        reporter.say("done with it")
    text = console.file.getvalue()
    assert "round 1" in text
    assert "2/2" in text
    assert "done with it" in text


def test_silent_reporter_logs(caplog):
    with caplog.at_level("INFO", logger="stemdist_ray"):
        SilentReporter().say("hello")
    assert "hello" in caplog.text


class Said(SilentReporter):
    """A reporter of a user's own."""

    def __init__(self):
        self.lines, self.units = [], 0

    def advance(self, units=1):
        self.units += units

    def say(self, text):
        self.lines.append(text)


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@dataclass
class Tasks:
    done: int
    running: int
    total: int


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def said():
    return Said()


def pass_time(pulse, clock, seconds):
    for _ in range(int(seconds)):
        clock.now += 1.0
        pulse.tick()


def test_a_long_stage_says_that_it_goes_on(clock, said):
    stage = ["base", clock.now]
    pulse = Pulse(said, lambda: (stage[0], clock.now - stage[1]), clock=clock)
    pass_time(pulse, clock, 59)
    assert said.lines == []
    pulse.standing = lambda: Tasks(12, 3, 30)
    pass_time(pulse, clock, 61)
    assert said.lines == [
        "base: 12 of 30 tasks, 3 running, 60 s",
        "base: 12 of 30 tasks, 3 running, 120 s",
    ]
    stage[:] = ["teacher", clock.now]
    pulse.begin("teacher", 4)
    pulse.standing = lambda: Tasks(1, 3, 4)
    pass_time(pulse, clock, 60)
    assert said.lines[2:] == ["teacher: 1 of 4 tasks, 3 running, 60 s"]
    stage[:] = ["cluster", clock.now + 1.0]
    pulse.standing = lambda: None
    pass_time(pulse, clock, 60)
    assert said.lines[3:] == ["cluster: 59 s"]


def test_nothing_is_added_where_enough_is_said(clock, said):
    pulse = Pulse(said, stage_from_now("training", clock), clock=clock)
    for number in range(5):
        pass_time(pulse, clock, 50)
        pulse.say(f"line {number}")
    assert len(said.lines) == 5
    pass_time(pulse, clock, 60)
    assert said.lines[5:] == ["training: 310 s"]


def test_without_tasks_units_are_told_and_without_a_stage_nothing(clock, said):
    pulse = Pulse(said, clock=clock)
    pass_time(pulse, clock, 100)
    assert said.lines == []
    pulse.begin("sweep", 20)
    pulse.advance(3)
    pulse.tick()
    assert (said.lines, said.units) == (["sweep: 3 of 20, 0 s"], 3)


def test_a_thread_keeps_a_log_going_and_ends_with_the_work(monkeypatch):
    monkeypatch.setattr(Pulse.__init__, "__defaults__", (lambda: None, 0.01, time.monotonic))
    heard = threading.Event()
    monkeypatch.setattr(LineReporter, "say", lambda self, text: heard.set())
    line = LineReporter(Console(file=io.StringIO()))
    with kept_up(line, stage_from_now("training")):
        assert heard.wait(60)
    assert "progress" not in {thread.name for thread in threading.enumerate()}


def test_a_bar_and_a_reporter_of_the_users_need_no_thread():
    class Own:
        """Not a reporter of ours."""

    bar = BarReporter(Console(file=io.StringIO(), force_terminal=True))
    for reporter in (bar, Own(), Said()):
        with kept_up(reporter) as pulse:
            assert pulse.inner is reporter
            assert "progress" not in {thread.name for thread in threading.enumerate()}


def test_who_is_warned(said):
    line = LineReporter(Console(file=io.StringIO()))
    assert warnings_to(SilentReporter()) is None
    assert warnings_to(Pulse(SilentReporter())) is None
    assert warnings_to(line) == line.say
    assert warnings_to(said) == said.say
    pulse = Pulse(line)
    assert warnings_to(pulse) == pulse.say
