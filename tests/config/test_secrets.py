import logging
import sys

import pytest

from stemdist_ray.config import build_config, flatten
from stemdist_ray.config import secrets as module
from stemdist_ray.config.secrets import (
    conceal,
    conceal_settings,
    redact,
    redact_logs,
    reveal,
)
from stemdist_ray.errors import ConfigError

MARK = "Hunter2Hunter2"
URIS = {
    f"postgresql+psycopg2://ml:{MARK}@db:5432/mlflow": "postgresql+psycopg2://ml:***@db:5432/mlflow",
    f"http://ml:{MARK}@host/base?x=1": "http://ml:***@host/base?x=1",
    f"https://{MARK}@host": "https://***@host",
    f"postgresql://h/d?user=u&password={MARK}&x=1": "postgresql://h/d?user=u&password=***&x=1",
}


@pytest.fixture(autouse=True)
def forgetful(monkeypatch):
    monkeypatch.setattr(module, "_known", {})


@pytest.mark.parametrize(("uri", "shown"), URIS.items())
def test_what_is_shown_of_a_uri(uri, shown):
    assert conceal(uri) == shown
    assert conceal(shown) == shown
    assert reveal(shown) == uri
    assert redact(f"cannot reach {uri}: {MARK!r} was wrong") == (
        f"cannot reach {shown}: '***' was wrong"
    )


def test_passwords_with_the_characters_that_end_one():
    assert conceal(f"mysql://u:p/a@s:{MARK}@h/d") == "mysql://u:***@h/d"
    assert conceal(f"mssql+pyodbc://?odbc_connect=P%3D{MARK}") == "mssql+pyodbc://?odbc_connect=***"


@pytest.mark.parametrize(
    "uri",
    [
        "sqlite:////a/mlflow.db",
        "http://host:5000/a?b=c",
        "postgresql://ml@db/x",
        "databricks",
        "a@b",
    ],
)
def test_uris_without_credentials_stay_as_they_are(uri):
    assert conceal(uri) == reveal(uri) == redact(uri) == uri


def test_a_later_process_needs_the_password_again(monkeypatch):
    hidden = "http://ml:***@host"
    with pytest.raises(ConfigError, match=r"http://ml:\*\*\*@host: passwords are not stored; give"):
        reveal(hidden)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://ml:{MARK}@other")
    with pytest.raises(ConfigError, match="passwords are not stored"):
        reveal(hidden)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://ml:{MARK}@host")
    assert reveal(hidden) == f"http://ml:{MARK}@host"


def test_no_configuration_holds_a_password():
    uri = f"http://ml:{MARK}@host"
    config = build_config("demo", {"tracking": {"uri": uri}})
    for text in (repr(config), config.model_dump_json(), str(flatten(config.model_dump()))):
        assert MARK not in text
        assert "http://ml:***@host" in text
    assert conceal_settings({"tracking": {"uri": uri}, "a": 1}) == {
        "tracking": {"uri": "http://ml:***@host"}, "a": 1,
    }  # fmt: skip
    assert conceal_settings({"tracking": {"enabled": False}}) == {"tracking": {"enabled": False}}
    with pytest.raises(ConfigError) as refused:
        build_config("demo", {"tracking": {"uri": [uri], "enabled": uri}})
    assert MARK not in str(refused.value)


def test_values_of_the_environment_that_are_secret(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", MARK + "&/")
    monkeypatch.setenv("SOME_TOKEN", "true")
    text = f"401 for {MARK}&/ and {MARK}%26%2F: true"
    assert redact(text) == "401 for *** and ***: true"


def test_the_folder_of_a_shell_is_no_secret(monkeypatch):
    monkeypatch.setenv("PWD", "/home/me/forecasts")
    monkeypatch.setenv("OLDPWD", "/home/me/elsewhere")
    monkeypatch.setenv("DB_PWD", "correct horse")
    text = "/home/me/forecasts/runs, /home/me/elsewhere, correct horse"
    assert redact(text) == "/home/me/forecasts/runs, /home/me/elsewhere, ***"


def test_log_lines_and_uncaught_errors(monkeypatch, caplog, capsys):
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    before = logging.getLogRecordFactory()
    try:
        redact_logs()
        redact_logs()
        uri = f"http://ml:{MARK}@host"
        logging.getLogger("other").warning("cannot reach %s", uri)
        try:
            raise ValueError(uri)
        except ValueError as error:
            logging.getLogger("other").exception("why")
            sys.excepthook(type(error), error, error.__traceback__)
    finally:
        logging.setLogRecordFactory(before)
    assert MARK not in caplog.text + capsys.readouterr().err
    assert "cannot reach http://ml:***@host" in caplog.text
    assert "ValueError: http://ml:***@host" in caplog.text
