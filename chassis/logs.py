"""Log lines as JSON, one per line: an action and its ids. Exceptions are shown by type and place, never by message."""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import orjson

from chassis import correlation
from chassis.clock import instant

_OURS = ("chassis", "contracts", "services", "local", "__main__")
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}
_ROOT = Path(__file__).resolve().parent.parent
_LONGEST = 500


def setup(service: str, level: str, stream: TextIO) -> None:
    """Every log line of this process goes to `stream`. Repeatable; the last call counts.

    Libraries log from INFO up: below that some write whole commands and records.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(logging.getLevelName(level), logging.INFO))
    for name in list(logging.Logger.manager.loggerDict):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
        logging.getLogger(name).setLevel(logging.NOTSET)
    for name in _OURS:
        logging.getLogger(name).setLevel(level)
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("httpx").setLevel(logging.WARNING)  # its INFO lines hold whole URLs
    # What no line of ours says, and would be looked for with each: the place in the code, thread, process, task.
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.raiseExceptions = False  # a line that cannot be written must not print its arguments instead
    _catch_what_nobody_caught()


class JsonLines(logging.Formatter):
    """ts, level, service, action, message, correlation_id, then the extras (JSON scalars, or a flat dict of them)."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "ts": instant(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname,
            "service": self._service,
            "action": getattr(record, "action", record.name),
            "message": _message(record),
        }
        if id := correlation.current():
            line["correlation_id"] = id
        for name, value in record.__dict__.items():
            if name not in _STANDARD and name not in line:
                line[name] = _plain(value)
        if record.exc_info and record.exc_info[1] is not None:
            line |= describe(record.exc_info[1])
        try:
            return orjson.dumps(line).decode()
        except TypeError:  # half a surrogate pair, an integer beyond 64 bits: rare, and no reason to lose a line
            return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


def describe(error: BaseException) -> dict[str, Any]:
    """`error`: type names, the raised one first, then its causes. `at`: `file:line function`, innermost last."""
    names: list[str] = []
    link: BaseException | None = error
    while link is not None and len(names) < 5:
        names.append(_type_name(link))
        if isinstance(link, BaseExceptionGroup):
            names += [_type_name(member) for member in link.exceptions[:3]]
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    frames = traceback.extract_tb(error.__traceback__)[-12:]
    return {"error": names, "at": [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]}


def _message(record: logging.LogRecord) -> str:
    """The first line, with exceptions among its arguments named by type."""
    args = record.args
    if isinstance(args, tuple):
        record_args: Any = tuple(_type_name(arg) if isinstance(arg, BaseException) else arg for arg in args)
    else:
        record_args = args
    text = str(record.msg) if not isinstance(record.msg, BaseException) else _type_name(record.msg)
    if record_args:
        try:
            text = text % record_args
        except (TypeError, ValueError, KeyError):
            text = f"{text} (arguments do not fit)"
    first = text.split("\n", 1)[0]
    return first if len(first) <= _LONGEST else first[:_LONGEST] + "…"


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(part) if not isinstance(part, Mapping) else "…" for name, part in value.items()}
    return f"<{type(value).__name__}>"


def _type_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _short(filename: str) -> str:
    path = Path(filename)
    if path.is_relative_to(_ROOT) and ".venv" not in path.parts:
        return path.relative_to(_ROOT).as_posix()
    return "/".join(path.parts[-2:])


def _catch_what_nobody_caught() -> None:
    """The interpreter's own reports print messages; ours do not."""
    log = logging.getLogger("chassis.logs")

    def uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        log.critical("uncaught error", exc_info=(kind, error, trace), extra={"action": "process.uncaught"})

    def in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            uncaught(args.exc_type, args.exc_value, args.exc_traceback)

    def unraisable(args: Any) -> None:
        if args.exc_value is not None:
            uncaught(args.exc_type, args.exc_value, args.exc_traceback)

    def warned(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        extra = {"action": "process.warning", "category": category.__name__, "at": f"{_short(filename)}:{lineno}"}
        log.warning("a library warns", extra=extra)

    sys.excepthook = uncaught
    threading.excepthook = in_thread
    sys.unraisablehook = unraisable
    warnings.showwarning = warned
