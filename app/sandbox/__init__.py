"""A small local Sentry: real paths, real answers, real signatures, grouping and search, in memory.

    with SandboxServer(SandboxSentry(webhook_url="http://127.0.0.1:8000/webhooks/sentry")) as server:
        sentry_sdk.init(dsn=server.dsn("shop-api"))
        ...
        server.sandbox.issues()

It plays today's Sentry or the self-hosted 23.7.1 (``version=Version.V23_7``) with their quirks. For trying
the product, developing against it and end-to-end tests. Not for production: it forgets everything on exit and
its HTML pages let everybody act as a member.
"""

from __future__ import annotations

from .faults import Fault, Faults
from .hooks import Chaos, Delivery, Hooks
from .ingestion import Ingestion
from .sandbox import SandboxSentry
from .server import SandboxServer
from .specs import DEFAULT_MEMBERS, DEFAULT_SCOPES, MemberSpec, ProjectSpec, TokenSpec
from .state import Version
from .web import create_app

__all__ = [
    "DEFAULT_MEMBERS",
    "DEFAULT_SCOPES",
    "Chaos",
    "Delivery",
    "Fault",
    "Faults",
    "Hooks",
    "Ingestion",
    "MemberSpec",
    "ProjectSpec",
    "SandboxSentry",
    "SandboxServer",
    "TokenSpec",
    "Version",
    "create_app",
]
