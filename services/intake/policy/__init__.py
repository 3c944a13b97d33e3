"""The dated, cited data of intake: the ladder of titles and the rounds. Read once at the start."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from contracts.canonical import digest
from services.intake.domain.answers import Clause, Text
from services.intake.domain.ladder import Condition, Diploma, Ladder, Name, Row, Table
from services.intake.domain.rounds import Round

FOLDER = Path(__file__).parent
ROUND_FILES = (FOLDER / "rounds.yaml",)
SYNTHETIC_ROUND_FILES = (FOLDER / "synthetic" / "rounds.yaml",)


def load_rounds(include_synthetic: bool) -> dict[str, Round]:
    """Every round by its id. `include_synthetic`: also those made up for demonstrations and tests."""
    files = ROUND_FILES + (SYNTHETIC_ROUND_FILES if include_synthetic else ())
    rounds = [
        _round(entry, synthetic=file in SYNTHETIC_ROUND_FILES) for file in files for entry in _read(file)["rounds"]
    ]
    by_id = {found.id: found for found in rounds}
    if len(by_id) != len(rounds):
        raise ValueError("two rounds have the same id")
    return by_id


def load_ladder() -> Ladder:
    """The ladder with the names of titles; its digest is over both files."""
    content, names = _read(FOLDER / "ladder.yaml"), _read(FOLDER / "titles.yaml")
    clauses = {
        id: Clause(id, ", ".join(entry["sources"]), entry["confidence"]) for id, entry in content["clauses"].items()
    }
    jurisdictions = content["jurisdictions"].items()
    return Ladder(
        id=content["id"],
        version=content["version"],
        digest=digest({"ladder": content, "titles": names}),
        tables=tuple(_table(entry, clauses) for entry in content["tables"]),
        results=clauses["results-since-appointment"],
        early_promotion=clauses["early-promotion"],
        outstanding={place: tuple(clauses[id] for id in entry["outstanding"]) for place, entry in jurisdictions},
        series_transfer={
            (place, series): clauses[clause]
            for place, entry in jurisdictions
            for series, clause in entry["series_transfer"].items()
        },
        titles={
            (series, level): Name(_text(name), entry["confidence"])
            for series, entry in names["titles"].items()
            for level, name in entry["levels"].items()
        },
        series={id: _text(entry) for id, entry in names["series"].items()},
        levels={id: _text(entry) for id, entry in names["levels"].items()},
    )


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _round(entry: Mapping[str, Any], *, synthetic: bool) -> Round:
    if synthetic != (entry["confidence"] == "synthetic"):
        raise ValueError(f"round {entry['id']}: synthetic rounds stand in the folder of that name, and only they")
    window = entry["window"]
    return Round(
        id=entry["id"],
        jurisdiction=entry["jurisdiction"],
        roads=tuple(entry["roads"]),
        window=(date.fromisoformat(window["from"]), date.fromisoformat(window["to"])) if window else None,
        year=entry["year"],
        list_version=entry["list"]["version"],
        list_digest=entry["list"]["digest"],
        committee=entry["committee"],
        source=entry["source"],
        confidence=entry["confidence"],
        synthetic=synthetic,
    )


def _table(entry: Mapping[str, Any], clauses: Mapping[str, Clause]) -> Table:
    clause, rows = clauses[entry["clause"]], entry["any_of"]
    return Table(
        series=entry["series"],
        level=entry["level"],
        jurisdiction=entry["jurisdiction"],
        clause=clause,
        rows=None if rows is None else tuple(_row(row, clause, clauses) for row in rows),
        cutoff=entry.get("cutoff", "12-31"),
        counting=tuple(clauses[id] for id in entry.get("counting", ())),
        prior=entry.get("prior"),
        late_degree_wait=entry.get("late_degree_wait", 0),
        conditions=tuple(Condition(asked["code"], clauses[asked["clause"]]) for asked in entry.get("conditions", ())),
    )


def _row(entry: Mapping[str, Any], clause: Clause, clauses: Mapping[str, Clause]) -> Row:
    also = entry.get("also")
    return Row(
        needs=Diploma(entry["degree"], entry.get("stem", False)),
        years=entry["years"],
        clause=clauses[entry["clause"]] if "clause" in entry else clause,
        prior=entry.get("prior"),
        also=Diploma(also["degree"], also.get("stem", False)) if also else None,
        conditions=tuple(entry.get("conditions", ())),
    )


def _text(entry: Mapping[str, Any]) -> Text:
    return Text(entry["zh"], entry["en"])
