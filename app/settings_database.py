"""``DATABASE_URL`` as it may be written, checked before anything connects."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import URL

SQLITE = "sqlite:///"
POSTGRES = "postgresql+psycopg://"
NOT_KEPT = {"", ":memory:", "file::memory:"}
"""Names of SQLite's databases in memory: a job would be lost with its process."""


def database_url(text: str) -> str:
    """The URL as SQLAlchemy takes it. Raises ``ValueError`` for one that names no database of ours."""
    if text.startswith(SQLITE):
        if text.removeprefix(SQLITE).partition("?")[0] in NOT_KEPT:
            raise ValueError("it names no file, and nothing would be kept: sqlite:///triage.db")
        return text
    for short in ("postgres://", "postgresql://"):
        if text.startswith(short):
            text = POSTGRES + text.removeprefix(short)
    if not text.startswith(POSTGRES):
        raise ValueError("must start with sqlite:/// or postgresql://")
    if {"password", "sslpassword"} & set(_parsed(text).query):
        raise ValueError("a password belongs before the @, where it is not shown: USER:PASSWORD@HOST")
    return text


def password_of(url: str) -> str:
    """The password in a URL that ``database_url`` gave; nothing where there is none."""
    return str(_parsed(url).password or "") if url.startswith(POSTGRES) else ""


def _parsed(url: str) -> URL:
    from sqlalchemy.engine import make_url  # late: commands without a database stay quick
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except (ValueError, ArgumentError):
        parsed = None
    if parsed is None or "@" in (parsed.host or ""):
        # Without a word of it, which may be a part of the password.
        raise ValueError(
            "it is not of the form postgresql://USER:PASSWORD@HOST:PORT/NAME, "
            "where @ : / and % in a password are written %40 %3A %2F %25"
        )
    return parsed
