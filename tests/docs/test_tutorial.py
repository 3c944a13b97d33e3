"""The tutorial and the how-to pages do what they say: their commands run as pasted, in a new copy of the project."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, blocks, script, unseen

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md", ROOT / "README.zh.md")
PAGES = {
    "tutorial.md": "",  # page -> what a reader has done before
    "how-to/partners.md": "make up >/dev/null",
    "how-to/operators.md": "make up >/dev/null",
    "how-to/testers.md": "",
}
_HEADING = re.compile(r"^##? ", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")

pytestmark = pytest.mark.skipif(
    not (shutil.which("make") and shutil.which("curl")), reason="the pages need make and curl"
)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """What a clone holds, in a folder of its own, with the requirements there already."""
    folder = tmp_path / "zhicheng"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True, timeout=120,
    )  # fmt: skip
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    _environment(folder)
    yield folder
    subprocess.run(["make", "down"], cwd=folder, capture_output=True, check=False, timeout=300)


def _environment(folder: Path) -> None:
    """The interpreter of this test run stands in for a fresh virtual environment, so that nothing is downloaded."""
    digest = hashlib.sha256((folder / "requirements.txt").read_bytes()).hexdigest()
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (folder / ".venv" / f"installed.run.{digest[:16]}").touch()


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_run_as_pasted_and_show_what_it_says(page: str, project: Path) -> None:
    found = blocks(page)
    assert found
    text = f"{PAGES[page]}\n{script(found)}"

    done = subprocess.run(
        ["bash", "-c", text],
        cwd=project,
        env={name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MAKE"))},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )

    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    assert unseen(found, done.stdout) == [], done.stdout[-6000:]


def test_every_link_of_a_page_leads_to_a_file() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {link}"
        for page in [*DOCS.rglob("*.md"), *README]
        for link in _LINK.findall(page.read_text(encoding="utf-8"))
        if "://" not in link and not (page.parent / link).exists()
    ]
    assert broken == []


def test_both_languages_of_the_readme_have_the_same_parts_and_commands() -> None:
    english, chinese = (page.read_text(encoding="utf-8") for page in README)
    assert len(_HEADING.findall(english)) == len(_HEADING.findall(chinese))
    assert _commands(english) == _commands(chinese)


def _commands(page: str) -> list[str]:
    """Without their comments."""
    return [line.partition(" # ")[0].rstrip() for line in page.splitlines() if line.startswith(("make ", "curl "))]


def test_the_map_names_every_page() -> None:
    named = set(_LINK.findall((DOCS / "README.md").read_text(encoding="utf-8")))
    pages = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}
    apart = {page for page in pages if page.startswith(("reference/", "decisions/"))} | {"README.md"}
    assert pages - apart <= named
