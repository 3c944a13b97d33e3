"""Logs run in a process of their own: setting them up takes over hooks of the interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

SECRET = "张三-110101199003070019"


def lines_of(program: str, *, level: str = "DEBUG") -> list[dict]:
    """The log lines of a program, each of which must be JSON."""
    head = f"""
        import asyncio, logging, sys, threading, warnings
        from chassis import correlation, logs
        SECRET = {SECRET!r}
        logs.setup("demo", {level!r}, sys.stderr)
        log = logging.getLogger("services.demo")
        """
    text = textwrap.dedent(head) + textwrap.dedent(program)
    ran = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=180, check=False)
    return [json.loads(line) for line in ran.stderr.splitlines()]


def test_a_line_is_an_action_with_its_ids():
    [line] = lines_of("""
        with correlation.correlated("c-12345678"):
            log.info("case taken in", extra={"action": "demo.taken", "case_id": "c_1", "count": 2, "body": object()})
        """)

    assert line.pop("ts").endswith("Z")
    assert line == {
        "level": "INFO",
        "service": "demo",
        "action": "demo.taken",
        "message": "case taken in",
        "correlation_id": "c-12345678",
        "case_id": "c_1",
        "count": 2,
        "body": "<object>",
    }


def test_no_value_costs_a_line():
    lines = lines_of("""
        for value in (2**70, float("nan"), b"x", {"a": {"b": 1}}, {1: 2}, "\\u0000"):
            log.info("odd", extra={"action": "demo.odd", "value": value})
        """)

    assert [line["action"] for line in lines] == ["demo.odd"] * 6
    assert lines[0]["value"] == 2**70


def test_exceptions_are_shown_by_type_and_place_alone():
    [line] = lines_of("""
        def inner():
            raise KeyError(SECRET)
        try:
            try:
                inner()
            except KeyError as cause:
                raise ValueError(SECRET) from cause
        except ValueError:
            log.exception("it failed", extra={"action": "demo.failed"})
        """)

    assert line["error"] == ["ValueError", "KeyError"]
    assert line["at"][-1].endswith("<module>")
    assert SECRET not in json.dumps(line, ensure_ascii=False)


def test_nothing_an_exception_says_reaches_the_log_by_any_way():
    lines = lines_of("""
        log.error("with %s and %s", "a word", ValueError(SECRET))
        log.error(ValueError(SECRET))
        logging.getLogger("library").warning("first line\\n" + SECRET)
        warnings.warn(SECRET)
        async def lost():
            asyncio.get_running_loop().create_task(fails())
            await asyncio.sleep(0.01)
        async def fails():
            raise ValueError(SECRET)
        asyncio.run(lost())
        import gc; gc.collect()
        thread = threading.Thread(target=lambda: int(SECRET)); thread.start(); thread.join()
        class Bad:
            def __del__(self): raise ValueError(SECRET)
        Bad()
        raise RuntimeError(SECRET)
        """)

    assert SECRET not in json.dumps(lines, ensure_ascii=False)
    assert "with a word and ValueError" in [line["message"] for line in lines]
    assert lines[-1]["error"] == ["RuntimeError"]
    assert len(lines) >= 8


def test_libraries_stay_above_debug_and_access_logs_are_off():
    lines = lines_of("""
        logging.getLogger("pymongo.command").debug(SECRET)
        logging.getLogger("uvicorn.access").info(SECRET)
        logging.getLogger("aiokafka").warning("group %s", "g1")
        log.debug("ours")
        """)

    assert [line["message"] for line in lines] == ["group g1", "ours"]


def test_a_line_that_cannot_be_formatted_is_still_json():
    [line] = lines_of('log.info("%d %d", 1)')

    assert line["message"] == "%d %d (arguments do not fit)"


def test_levels_below_the_set_one_are_left_out():
    assert lines_of('log.info("no"); log.warning("yes")', level="WARNING")[0]["message"] == "yes"
