"""Levels, degrees, days and months by their names in Chinese and English."""

from __future__ import annotations

from datetime import date

from services.equivalence.domain.values import Text

_LEVELS = {
    "technician": Text("员级", "technician level"),
    "assistant": Text("助理级", "assistant level"),
    "intermediate": Text("中级", "intermediate level"),
    "associate_senior": Text("副高级", "associate senior level"),
    "senior": Text("正高级", "full senior level"),
}
_DEGREES = {
    "bachelor": Text("学士", "bachelor"),
    "master": Text("硕士（或第二学士）", "master (or a second bachelor)"),
    "doctorate": Text("博士", "doctorate"),
}
_STATUS = {
    "open-if": Text("满足条件后可以申报", "open once its conditions are met"),
    "closed": Text("按现行规定，目前不能通过本路径申报", "closed for now under the rules as they stand"),
}
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


def level_name(level: str) -> Text:
    return _LEVELS.get(level, Text(level, level))


def degree_name(degree: str) -> Text:
    return _DEGREES.get(degree, Text(degree, degree))


def status_name(status: str) -> Text:
    return _STATUS.get(status, Text(status, status))


def day_zh(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"


def day_en(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def month_zh(month: int) -> str:
    return f"{month // 12}年{month % 12 + 1}月"


def month_en(month: int) -> str:
    return f"{_MONTHS[month % 12]} {month // 12}"
