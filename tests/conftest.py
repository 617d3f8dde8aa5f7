"""Fixtures that every area uses. Each test gets a database of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.sandbox.sandbox import SandboxSentry
from app.sandbox.server import SandboxServer
from app.store import Store
from app.store.engine import migrate
from app.store.vault import Vault, derived_key

from .fire import Deliveries

SAMPLES = Path(__file__).parent / "samples"
SECRET = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine or of a ``.env`` file reaches a test."""
    prefixes = ("SENTRY_", "TRIAGE_", "OPENAI_", "ANTHROPIC_", "LLM_")
    names = ("DATABASE_URL", "PORT", "HOST", "WEB_CONCURRENCY", "LOG_LEVEL", "LOG_FORMAT")
    for name in list(os.environ):
        wanted = name.startswith("TRIAGE_TEST_")  # says what the tests need, not what the product does
        if (name.startswith(prefixes) or name in names) and not wanted:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a Postgres server: TEST_POSTGRES_URL's, else one started here from the found binaries.

    Tests that ask for it are skipped, and say so, where there is neither; .ci/run requires it.
    """
    from .postgres import running_server

    with running_server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A new and empty database, on each kind of server in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'triage.db'}"
        return
    from .postgres import fresh_database

    with fresh_database(request.getfixturevalue("postgres_url")) as url:
        yield url


@pytest.fixture
def vault() -> Vault:
    return Vault([derived_key(SECRET)])


@pytest.fixture
def store(database_url: str, vault: Vault) -> Iterator[Store]:
    opened = Store.open(database_url, vault)
    migrate(opened.engine)
    yield opened
    opened.close()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--litellm",
        metavar="PATH",
        help="a litellm executable: runs the adapters against a real proxy (docs/litellm.md)",
    )


@pytest.fixture
def deliveries() -> Deliveries:
    """What became of each webhook that ``under_fire`` sent."""
    return Deliveries()


@pytest.fixture
def under_fire(deliveries: Deliveries) -> Iterator[SandboxServer]:
    """A sandbox Sentry that notes every answer and sends nothing twice."""
    with SandboxServer(SandboxSentry(send=deliveries)) as server:
        yield server
