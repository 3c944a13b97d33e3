"""Time: instants as UTC text of fixed width, so that they sort as times in every store; business days as dates."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone

# Asia/Shanghai has had no daylight saving since 1991, and slim images ship no time zone files: a fixed offset is right.
BUSINESS_ZONE = timezone(timedelta(hours=8), "Asia/Shanghai")


def instant(moment: datetime) -> str:
    """`2026-11-24T10:00:00.000Z`. A moment without a time zone is refused."""
    if moment.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def parse_instant(text: str) -> datetime:
    """The moment behind an instant. ValueError for any other spelling."""
    with suppress(ValueError, OverflowError):  # an offset can lead out of the years that there are
        moment = datetime.fromisoformat(text)
        if instant(moment) == text:
            return moment
    raise ValueError("not an instant of fixed width")


def later(text: str, seconds: float) -> str:
    """The instant that many seconds later; a negative number goes back."""
    return instant(parse_instant(text) + timedelta(seconds=seconds))


def business_day(text: str) -> date:
    """The day in Shanghai on which an instant falls."""
    return parse_instant(text).astimezone(BUSINESS_ZONE).date()


class Clock:
    """What time it is. `fixed`: a business date that does not move, for demonstrations and tests; instants go on."""

    def __init__(self, fixed: date | None = None) -> None:
        self._fixed = fixed

    def now(self) -> str:
        return instant(datetime.now(UTC))

    def today(self) -> date:
        """The business date in Shanghai."""
        return self._fixed or business_day(self.now())
