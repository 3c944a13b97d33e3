"""How the demonstration tells a story: what the public API said, in Chinese and English, a hundred columns wide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from local.screen import WIDTH, Screen, padded
from local.stack import Stack
from local.stories import Story

Actual = Mapping[str, Any]

ROADS = {
    "ordinary": {"zh": "职称评审", "en": "ordinary review"},
    "overseas": {"zh": "境外职业资格比照认定", "en": "overseas certificate"},
    "competition": {"zh": "以赛代评", "en": "competition in place of review"},
}
STATUSES = {
    "open": ({"zh": "可以申报", "en": "open"}, "green"),
    "open-if": ({"zh": "满足条件后可以申报", "en": "open if"}, "yellow"),
    "not-known": ({"zh": "尚不掌握", "en": "not known"}, "yellow"),
    "closed": ({"zh": "按现行规定目前不能申报", "en": "closed by the rules as they stand"}, "red"),
}
LISTS = {
    "conditions": {"zh": "条件", "en": "condition"},
    "missing": {"zh": "缺少", "en": "missing"},
    "exceptions": {"zh": "例外", "en": "exception"},
    "outstanding": {"zh": "尚待", "en": "still to come"},
    "evidence": {"zh": "依据", "en": "rests on"},
    "notes": {"zh": "说明", "en": "note"},
}
_INDENT = "     "


class Telling:
    def __init__(self, screen: Screen, *, full: bool = False) -> None:
        self._screen = screen
        self._full = full

    def opening(self, stack: Stack, today: str) -> None:
        screen = self._screen
        screen.line(
            screen.paint("职称 · Professional titles in Shanghai: one application through four services", "bold")
        )
        screen.wrapped(
            "Four processes, each with a store of its own and one log between them, nothing but Python. All persons "
            "and results are synthetic; rules and lists are those of published notices, as far as they are known.",
            "dim",
        )
        screen.line()
        screen.line(f"Data in {stack.folder}; the calendar stands at {today}.")

    def of_the_stack(self, words: str) -> None:
        self._screen.line(self._screen.paint(f"  {words}", "dim"))

    def calendar(self, today: str) -> None:
        self._screen.line()
        self._screen.line(f"The calendar moves to {today}: intake alone is restarted.")

    def title(self, number: int, of: int, story: Story, today: str) -> None:
        screen = self._screen
        screen.line()
        screen.line(screen.paint("─" * WIDTH, "dim"))
        screen.line(screen.paint(f"{number}/{of}  {story.title.zh} · {story.title.en}", "bold", "cyan"))
        screen.both(story.who.model_dump(), first=_INDENT)
        if story.filing:
            roads = story.filing.get("roads") or list(ROADS)
            zh, en = ("、".join(ROADS[road]["zh"] for road in roads), ", ".join(ROADS[road]["en"] for road in roads))
            asks = {
                "zh": f"于{today}在批次{story.filing['round']}申报，询问：{zh}",
                "en": f"Files on {today} in round {story.filing['round']} and asks for: {en}",
            }
            screen.both(asks, first=_INDENT)

    def way(self, case: Actual, way: Sequence[Actual]) -> None:
        """Each step with the time since the application was received: at its source, and when intake heard of it."""
        screen = self._screen
        began = case["received_at"]
        screen.line()
        screen.line(screen.paint(f"   ▸ 经过 · The way of its events     case {case['case_number']}", "bold"))
        for entry in way:
            at, heard = _after(began, entry["at"]), _after(began, entry["heard"])
            times = f"+{at} ms" if heard == at else f"+{at} ms, heard +{heard}"
            screen.both(entry["text"], first=f"{_INDENT}{times:<22} {entry['service']:<12} ")

    def determination(self, case: Actual) -> None:
        screen = self._screen
        found = case["determination"]
        screen.line()
        digest = case["list"]["digest"][:19]
        screen.line(screen.paint(f"   ▸ 第{found['number']}次核对结果 · Determination {found['number']}", "bold"))
        screen.line(
            f"{_INDENT}清单 · list {case['list']['version']} ({digest}…), year of counting {case['round_year']}"
        )
        for road in found["roads"]:
            self._road(road)
        if found["waits_for_officer"]:
            waits = {
                "zh": "待工作人员处理；系统不作出不利于申报人的决定。",
                "en": "Waits for an officer; the system decides nothing against anybody.",
            }
            screen.both(waits, "yellow", first=f"{_INDENT}☞ ")
        for one in found["exemptions"]:
            screen.both(one["effect"], first=f"{_INDENT}＋ ")

    def _road(self, road: Actual) -> None:
        screen = self._screen
        said, colour = STATUSES.get(road["status"], ({"zh": road["status"], "en": road["status"]}, "yellow"))
        name = ROADS.get(road["road"], {"zh": road["road"], "en": road["road"]})
        head = f"{name['zh']} {name['en']}: "
        screen.line(f"{_INDENT}● {head}{screen.paint(said['zh'] + ' ' + said['en'], colour, 'bold')}")
        if opens := road["opens"]:
            zh, en = ("仅", "only ") if opens["only"] else ("最高至", "up to ")
            leads = f"→ {zh}{opens['title']['zh']} {en}{opens['title']['en']} (confidence: {opens['confidence']})"
            screen.line(f"{_INDENT}  {leads}")
        for kind, label in LISTS.items():
            for item in road[kind]:
                screen.both(item["text"], first=f"{_INDENT}  {padded(label['zh'] + ' ' + label['en'], 19)} ")
        if road["clauses"]:
            screen.wrapped(_clauses(road["clauses"]), "dim", first=f"{_INDENT}  {padded('条款 clauses', 19)} ")

    def messages(self, messages: Sequence[Actual]) -> None:
        screen = self._screen
        screen.line()
        screen.line(screen.paint("   ▸ 通知 · Messages", "bold"))
        for message in messages:
            screen.line(
                f"{_INDENT}{message['step']}, to the {message['recipient']} by {message['kind']}: {message['state']} "
                f"(attempts: {message['attempts']})"
            )
            if message["preview"] is None or message["step"] == "received":
                continue
            texts = {language: message["preview"][language] for language in ("zh", "en")}
            screen.both({language: text["subject"] for language, text in texts.items()}, first=f"{_INDENT}  ✉ ")
            if self._full:
                for language, style in (("zh", ()), ("en", ("dim",))):
                    for line in texts[language]["text"].splitlines():
                        screen.wrapped(line, *style, first=f"{_INDENT}    ") if line.strip() else screen.line()
            else:
                first = {language: text["text"].strip().split("\n", 1)[0] for language, text in texts.items()}
                screen.both(first, first=f"{_INDENT}    ")

    def exemptions(self, path: str, answer: Actual) -> None:
        screen = self._screen
        screen.line()
        screen.line(screen.paint(f"   ▸ GET {path}", "bold"))
        screen.both(answer["of_the_list"]["text"], "yellow", first=f"{_INDENT}补充清单 the list: ")
        for one in answer["arrangements"]:
            year = one["year"] or "no date"
            said = {
                "zh": f"{one['mode_name']['zh']}：{one['to']['zh']}，{one['effect']['zh']}",
                "en": f"{one['mode_name']['en']}: {one['to']['en']}, {one['effect']['en']}",
            }
            screen.both(said, first=f"{_INDENT}另有 apart from it: ")
            screen.line(f"{_INDENT}  {one['id']} ({year}, {one['confidence']})")
            for source in one["sources"]:
                cited = answer["sources"][source]
                screen.wrapped(f"{source} {cited['title']} {cited['url'] or ''}", "dim", first=f"{_INDENT}  ")

    def compared(self, found: Sequence[str]) -> None:
        screen = self._screen
        screen.line()
        if not found:
            screen.line(screen.paint("   ✓ 与预期一致 · the expected answer", "green", "bold"))
        for line in found:
            screen.wrapped(line, "red", first="   ✗ ")

    def table(self, rows: Sequence[tuple[Story, str, int, Sequence[str]]], seconds: float) -> None:
        """The stories with their answers, the time from receipt to determination, and what differed."""
        screen = self._screen
        screen.line()
        screen.line(screen.paint("═" * WIDTH, "dim"))
        for story, answer, milliseconds, differs in rows:
            mark = screen.paint("✗", "red", "bold") if differs else screen.paint("✓", "green", "bold")
            screen.line(f" {mark} {padded(f'{story.title.zh} {story.title.en}', 60)} {milliseconds:>6} ms")
            screen.wrapped(answer, "dim", first=" " * 5)
            for line in differs:
                screen.wrapped(line, "red", first="     ✗ ")
        same = sum(not differs for *_, differs in rows)
        words = f"{same} of {len(rows)} stories ended with the expected answer, in {seconds:.1f} s."
        screen.line()
        screen.line(screen.paint(words, "green" if same == len(rows) else "red", "bold"))

    def summary(self, case: Actual) -> str:
        found = case["determination"]
        said = [f"{road['road']}: {road['status']}" for road in found["roads"]] if found else []
        return ", ".join([*said, *(["waits for an officer"] if case["status"] == "officer" else [])])

    def milliseconds(self, case: Actual, way: Sequence[Actual]) -> int:
        """From receipt to determination."""
        made = [entry["at"] for entry in way if entry["step"] == "determined"]
        return _after(case["received_at"], made[-1]) if made else 0


def _after(began: str, at: str) -> int:
    return round((datetime.fromisoformat(at) - datetime.fromisoformat(began)).total_seconds() * 1000)


def _clauses(clauses: Sequence[Actual]) -> str:
    """Each clause once, with its sources."""
    sources: dict[tuple[str, str], list[str]] = {}
    for clause in clauses:
        sources.setdefault((clause["id"], clause["confidence"]), []).append(clause["source"])
    return "; ".join(f"{id} ({', '.join(named)}: {confidence})" for (id, confidence), named in sources.items())
