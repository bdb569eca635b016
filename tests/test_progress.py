import io

from rich.console import Console

from stemdist_ray.progress import BarReporter, LineReporter, SilentReporter, console_reporter


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
