"""A real Postgres for the tests: a given one, or one started from binaries found on this machine."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from .require import require

_USER = "triage"


def find_binaries() -> Path | None:
    """The folder with ``initdb`` and ``postgres``: Debian keeps it off the PATH."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    found = shutil.which("initdb")
    return Path(found).parent if found and shutil.which("postgres") else None


def _as_other_user() -> list[str]:
    """Postgres refuses to run as root: then it runs as the user that its package made."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]


@contextmanager
def running_server() -> Iterator[str]:
    """Yield a URL of its ``postgres`` database; skip where there is no server to be had."""
    given = os.environ.get("TEST_POSTGRES_URL")
    if given:
        yield given
        return
    with own_server() as server:
        yield server.url


@contextmanager
def own_server() -> Iterator[Server]:
    """A server that the test may stop and start; skip where none is installed."""
    binaries = find_binaries()
    if binaries is None:
        require("postgres", "set TEST_POSTGRES_URL or install the server (apt install postgresql)")
    server = Server(binaries)
    try:
        server.create()
        server.start()
        yield server
    finally:
        server.stop()
        server.remove()


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """The URL of a new and empty database on the server at this URL; gone afterwards."""
    name = f"triage_{uuid.uuid4().hex[:12]}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    try:
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
    except OperationalError as error:
        pytest.fail(f"Postgres at {server} does not let us create a database: {error}")
    yield server.rsplit("/", 1)[0] + f"/{name}"
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    admin.dispose()


class Server:
    """One throw-away cluster on a free port of the loopback address."""

    def __init__(self, binaries: Path) -> None:
        self._bin = binaries
        self._home = Path(tempfile.mkdtemp(prefix="triage-pg-"))
        self._data = self._home / "data"
        self._prefix = _as_other_user()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://{_USER}@127.0.0.1:{self.port}/postgres"

    def create(self) -> None:
        if self._prefix:
            shutil.chown(self._home, "postgres", "postgres")
        self._run("initdb", "-D", str(self._data), "-U", _USER, "-A", "trust", "-E", "UTF8", "--no-sync")

    def start(self) -> None:
        options = f"-c port={self.port} -c listen_addresses=127.0.0.1 -k {self._home} -c fsync=off"
        log = str(self._home / "log")
        self._run("pg_ctl", "-D", str(self._data), "-l", log, "-o", options, "-w", "start")

    def stop(self, mode: str = "immediate") -> None:
        if (self._data / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", str(self._data), "-m", mode, "-w", "stop")

    def remove(self) -> None:
        shutil.rmtree(self._home, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._prefix, str(self._bin / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False, timeout=120)
        if done.returncode:
            user = getpass.getuser()
            pytest.fail(f"{program} failed as {user}: {done.stdout[-500:]}{done.stderr[-1000:]}")
