"""Imports point one way: contracts <- chassis <- services.X <- local; drivers are each known to one file or folder."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("contracts", "chassis", "services", "local")
SERVICES = ("intake", "equivalence", "competition", "notify")
MAY_IMPORT = {"contracts": (), "chassis": ("contracts",), "local": ("contracts", "chassis", "services")}
DRIVERS = {
    "aiokafka": {
        f"chassis/bus_kafka/{name}.py" for name in ("archive", "bus", "consumer", "producer", "reading", "topics")
    },
    "motor": {"chassis/store_mongo.py"},
    "pymongo": {"chassis/store_mongo.py"},
    "aiosmtplib": {"services/notify/channels.py"},
    "uvicorn": {"chassis/running.py"},
}
DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}


def sources() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            yield node.module or ""


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", sources(), ids=relative)
def test_imports_point_one_way(path: Path) -> None:
    place = relative(path).split("/")
    for module in imported(path):
        package, _, rest = module.partition(".")
        if package not in PACKAGES or package == place[0] != "services":
            continue
        if place[0] == "services":
            service = place[1]
            inside = package == "services" and rest.split(".")[0] == service
            assert inside or package in ("contracts", "chassis"), f"{relative(path)} imports {module}"
        else:
            assert package in MAY_IMPORT[place[0]], f"{relative(path)} imports {module}"


def domain_files() -> list[Path]:
    found = [
        path
        for name in SERVICES
        for path in [ROOT / "services" / name / "domain.py", *(ROOT / "services" / name / "domain").rglob("*.py")]
    ]
    return [path for path in found if path.exists()]


def test_every_service_has_a_domain() -> None:
    assert {relative(path).split("/")[1] for path in domain_files()} == set(SERVICES)


@pytest.mark.parametrize("path", domain_files(), ids=relative)
def test_a_domain_imports_the_standard_library_only(path: Path) -> None:
    own = f"services.{relative(path).split('/')[1]}.domain"
    for module in imported(path):
        known = module.split(".")[0] in sys.stdlib_module_names
        service = own.rpartition(".")[0]
        same = module in (own, service) or module.startswith(own + ".")
        assert known or same, f"{relative(path)} imports {module}"


@pytest.mark.parametrize("driver", sorted(DRIVERS))
def test_each_driver_is_known_to_one_place(driver: str) -> None:
    users = {relative(path) for path in sources() if any(name.split(".")[0] == driver for name in imported(path))}
    assert users == DRIVERS[driver]


def test_sqlite_is_known_to_the_embedded_adapters_alone() -> None:
    users = {relative(path) for path in sources() if any(name == "sqlite3" for name in imported(path))}
    assert users <= {
        "chassis/store_sqlite.py",
        "chassis/sqlite_queries.py",
        "chassis/sqlite_rows.py",
        "chassis/bus_log_file.py",
        "chassis/backup/store_sqlite.py",
    }


def test_no_file_is_a_drawer() -> None:
    assert not [path for path in sources() if path.stem in DRAWERS or path.parent.name in DRAWERS]


def test_each_service_has_the_same_small_set_of_files() -> None:
    for service in SERVICES:
        for name in ("__init__", "main", "settings", "api", "consumers", "use_cases", "domain", "store"):
            file, folder = (ROOT / "services" / service / f"{name}{end}" for end in (".py", ""))
            assert file.exists() or folder.is_dir(), f"{service} has no {name}"
