"""The secrets of a set of containers: made once, never replaced, closed to others."""

from __future__ import annotations

import stat
from pathlib import Path

from deploy.new_secrets import main


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_secrets_are_made_once_and_no_two_sets_are_alike(tmp_path: Path) -> None:
    assert main([str(tmp_path / "one")]) == 0
    assert main([str(tmp_path / "other")]) == 0
    first = contents(tmp_path / "one")

    assert main([str(tmp_path / "one")]) == 0
    assert contents(tmp_path / "one") == first
    other = contents(tmp_path / "other")
    assert first.keys() == other.keys()
    assert [name for name in first if first[name] == other[name]] == ["callers/callers.json"]


def test_nobody_but_the_owner_reaches_them(tmp_path: Path) -> None:
    main([str(tmp_path / "secrets")])

    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    for login in (tmp_path / "secrets").glob("*.env"):
        assert stat.S_IMODE(login.stat().st_mode) == 0o600


def test_a_lost_secret_is_not_covered_by_new_ones(tmp_path: Path) -> None:
    main([str(tmp_path)])
    (tmp_path / "intake_vault_keys").unlink()
    before = contents(tmp_path)

    assert main([str(tmp_path)]) == 1
    assert contents(tmp_path) == before


def test_no_client_can_call_before_one_is_added(tmp_path: Path) -> None:
    main([str(tmp_path)])

    assert (tmp_path / "callers" / "callers.json").read_text() == '{"clients": []}\n'
