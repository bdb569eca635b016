"""Passwords and tokens: kept in the memory of this process, shown and written nowhere.

A tracking URI may hold a password. The configuration, which is written to many files, only ever
holds it with the password left out (``***``); the whole URI is remembered here, for this process,
or comes from the environment. Texts of foreign origin (errors, log lines) go through ``redact``.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import traceback
from collections.abc import Mapping
from types import TracebackType
from typing import Any
from urllib.parse import quote, quote_plus, unquote

from stemdist_ray.errors import ConfigError

HIDDEN = "***"

# user:password@ in front of a host; the password goes on to the last @, as it may hold one.
_LOGIN = re.compile(r"(?P<scheme>[A-Za-z][\w+.-]*)://(?P<user>[^\s:/@?#'\"]*):(?P<word>[^\s'\"]*)@")
# A lone word in front of a host is a token where there is no name without a password.
_TOKEN = re.compile(r"(?P<scheme>https?)://(?P<word>[^\s:/@?#'\"]+)@", re.IGNORECASE)
_QUERY = re.compile(
    r"(?P<name>[?&;][\w.-]*(?:passw|pwd|token|secret|key|signature|credential|odbc_connect)[\w.-]*=)"
    r"(?P<word>[^&;\s'\"]+)",
    re.IGNORECASE,
)
_FOLDERS = ("PWD", "OLDPWD")  # where a shell is and was
_NAMES = re.compile(r"PASSW|PWD$|TOKEN|SECRET|CREDENTIAL|API_?KEY|ACCESS_KEY", re.IGNORECASE)
_SHORTEST = 6  # characters; shorter values, such as 1 or true, are words of any text
_known: dict[str, str] = {}  # concealed URI -> URI


def conceal(uri: str) -> str:
    """Leave passwords and tokens out of a URI, and remember it for :func:`reveal`.

    Args:
        uri: Any text; one without credentials is returned as it is.
    """
    hidden = _without_credentials(uri)
    if hidden != uri and HIDDEN not in _credentials(uri):
        _known[hidden] = uri
    return hidden


def reveal(uri: str) -> str:
    """The whole URI of one that :func:`conceal` returned, in this process or an earlier one.

    Raises:
        ConfigError: Its password is not known: it is written nowhere, and has to be given again.
    """
    if HIDDEN not in _credentials(uri):
        return uri
    if uri in _known:
        return _known[uri]
    given = os.environ.get("MLFLOW_TRACKING_URI", "")
    if _without_credentials(given) == uri:
        return given
    raise ConfigError(
        f"tracking.uri is {uri}: passwords are not stored; give the whole URI again, in the "
        "environment as MLFLOW_TRACKING_URI or as tracking.uri"
    )


def conceal_settings(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Leave credentials out of the tracking URI of a layer of settings."""
    tracking = tree.get("tracking")
    if isinstance(tracking, Mapping) and isinstance(tracking.get("uri"), str):
        return {**tree, "tracking": {**tracking, "uri": conceal(str(tracking["uri"]))}}
    return dict(tree)


def redact(text: str) -> str:
    """Leave out of a text what must not be seen.

    That is: credentials in URIs, passwords this process was given, and values of environment
    variables whose names speak of passwords, tokens or keys.
    """
    text = _without_credentials(text)
    for secret in _secrets():
        text = text.replace(secret, HIDDEN)
    return text


def redact_logs() -> None:
    """Redact every log record and uncaught error of this process, whoever handles them."""
    sys.excepthook = _excepthook
    make = logging.getLogRecordFactory()
    if getattr(make, "redacts", False):
        return

    def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        try:
            record.msg, record.args = redact(record.getMessage()), ()
        except (TypeError, ValueError):
            return record  # a malformed record is the business of its handler
        if record.exc_info and record.exc_info[0] is not None:
            record.exc_text = redact("".join(traceback.format_exception(*record.exc_info))).rstrip()
        return record

    factory.redacts = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(factory)


def _excepthook(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    sys.stderr.write(redact("".join(traceback.format_exception(kind, error, trace))))


def _without_credentials(text: str) -> str:
    text = _LOGIN.sub(rf"\g<scheme>://\g<user>:{HIDDEN}@", text)
    text = _TOKEN.sub(rf"\g<scheme>://{HIDDEN}@", text)
    return _QUERY.sub(rf"\g<name>{HIDDEN}", text)


def _credentials(uri: str) -> list[str]:
    found = [m["word"] for pattern in (_LOGIN, _TOKEN, _QUERY) for m in pattern.finditer(uri)]
    return [word for word in found if word]


def _secrets() -> list[str]:
    """All that is to be hidden, in every spelling, longest first."""
    named = [name for name in os.environ if _NAMES.search(name)]
    given = [os.environ[name] for name in named if name not in _FOLDERS]
    uris = [*_known.values(), *(value for value in os.environ.values() if "://" in value)]
    words = {*given, *(word for uri in uris for word in _credentials(uri))} - {HIDDEN}
    spelt = {s for w in words for s in (w, unquote(w), quote(w, safe=""), quote_plus(w))}
    return sorted((s for s in spelt if len(s) >= _SHORTEST), key=len, reverse=True)
