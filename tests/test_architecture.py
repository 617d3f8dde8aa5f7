"""The house keeps its shape: ``core`` does no I/O, and nothing but the settings reads the environment."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import app

ROOT = Path(app.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
FORBIDDEN_IN_CORE = {
    "flask", "werkzeug", "requests", "urllib3", "sqlalchemy", "alembic", "dbos", "socket", "subprocess",
    "http", "gunicorn", "click", "rich", "os", "time", "app.settings", "app.store", "app.sentry", "app.web",
    "app.models", "app.jobs", "app.services", "app.cli",
}  # fmt: skip
MAX_LINES = 260


def imports(file: Path) -> Iterator[str]:
    """Every module that a file imports, absolute."""
    package = ["app", *file.relative_to(ROOT).parent.parts]
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            yield ".".join([*base, *filter(None, [node.module])])


def name(file: Path) -> str:
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize("file", [file for file in MODULES if (ROOT / "core") in file.parents], ids=name)
def test_core_does_no_io(file: Path) -> None:
    for module in imports(file):
        parts = module.split(".")
        prefixes = {".".join(parts[: end + 1]) for end in range(len(parts))}
        assert not prefixes & FORBIDDEN_IN_CORE, f"{name(file)} imports {module}"


@pytest.mark.parametrize("file", MODULES, ids=name)
def test_only_the_settings_read_the_environment(file: Path) -> None:
    if file.name == "settings.py":
        return
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Attribute):
            reads = isinstance(node.value, ast.Name) and node.value.id == "os"
            assert not (reads and node.attr in {"environ", "getenv"}), f"{name(file)}:{node.lineno}"


@pytest.mark.parametrize("file", MODULES, ids=name)
def test_a_module_is_one_idea(file: Path) -> None:
    if "migrations" in file.parts:
        return
    assert len(file.read_text().splitlines()) <= MAX_LINES
