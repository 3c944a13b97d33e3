"""The release after this one, as a changed copy of the code: a field more, an event type more, a newer setup."""

from __future__ import annotations

import shutil
from pathlib import Path

from local.supervisor import ROOT

NEXT = "9.0.0"
FIELD = "channel"  # with a default, in two events of intake and in the answers to them
TYPE = "intake.case.noticed"  # said by the next intake of each case that it takes in; nobody hears it

_NOTICED = f'''
class CaseNoticed(Event):
    """Nobody hears it yet."""

    TYPE: ClassVar[str] = "{TYPE}"
    TOPIC: ClassVar[str] = "intake.case.v1"


class Assessed(Event):'''
CHANGES = {
    "contracts/events.py": [
        (
            "    contact_sealed: str  # for notify alone",
            f'    {FIELD}: str = "next"\n    contact_sealed: str  # for notify alone',
        ),
        ("    assessment_id: str\n", f'    assessment_id: str\n    {FIELD}: str = "next"\n'),
        ("\nclass Assessed(Event):", _NOTICED),
        ("    CaseSubmitted,\n", "    CaseSubmitted,\n    CaseNoticed,\n"),
    ],
    "contracts/topics.yaml": [("intake.case.submitted, ", f"intake.case.submitted, {TYPE}, ")],
    "services/intake/use_cases/submit.py": [
        ("events=[event],", "events=[event, CaseNoticed(case_id=case_id)],"),
        ("\nfrom chassis.outbox", "\nfrom contracts.events import CaseNoticed\nfrom chassis.outbox"),
    ],
    "chassis/schema.py": [("OURS = Schema(1, 1)", "OURS = Schema(2, 1)")],
    "chassis/version.py": [('VERSION = "', f'VERSION = "{NEXT}" or "')],
}


def next_release(folder: Path) -> Path:
    """Fails when the code no longer reads as it is changed here."""
    for name in ("contracts", "chassis", "services", "local"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name, changes in CHANGES.items():
        file = folder / name
        text = file.read_text("utf-8")
        for before, after in changes:
            assert text.count(before) == 1, f"{name} holds {before!r} {text.count(before)} times"
            text = text.replace(before, after)
        file.write_text(text, "utf-8")
    return folder
