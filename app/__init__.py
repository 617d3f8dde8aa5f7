"""Sentry Triage: triages Sentry issues and writes the answer back into Sentry."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from .settings import Settings
    from .store import Store


def create_app(settings: Settings | None = None, *, store: Store | None = None) -> Flask:
    """The web side, wired: the only place where its parts meet.

    ``store``: one that is open already (the demo shares it with its worker); else opened from the settings.
    Raises ``UserError`` for a setting that is missing or malformed.
    """
    from .web.factory import build_app

    return build_app(settings, store)
