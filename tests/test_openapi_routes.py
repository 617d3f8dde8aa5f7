"""``/openapi.json`` tells of every route for machines, and the routes answer as it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import unsupported_method

from app import create_app
from app.core.webhook import sign
from app.settings import fixed_settings
from app.store import open_store
from app.store.engine import migrate
from app.web.openapi import description, template

from .conftest import SECRET

PAGES = ("dashboard.", "static")
"""Endpoints of pages for people."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    folder: Path = tmp_path_factory.mktemp("openapi")
    chosen = fixed_settings(
        SENTRY_CLIENT_SECRET=SECRET,
        SENTRY_AUTH_TOKEN="t",
        SENTRY_ORG="acme",
        SENTRY_URL="http://127.0.0.1:9",
        DATABASE_URL=f"sqlite:///{folder / 'x.db'}",
    )
    store = open_store(chosen)
    migrate(store.engine)
    return create_app(chosen, store=store)


def test_every_route_for_machines_is_described(app: Flask) -> None:
    described = description()["paths"]
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith(PAGES):
            continue
        path = template(rule.rule)
        assert path in described, path
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            assert method.lower() in described[path], f"{method} {path}"


def test_what_is_served_is_what_is_there(app: Flask) -> None:
    answer = app.test_client().get("/openapi.json")
    assert answer.status_code == 200
    there = {template(rule.rule) for rule in app.url_map.iter_rules()}
    assert set(answer.get_json()["paths"]) == set(description()["paths"]) & there


BOUNDED = settings(
    max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
)


def operations(app: Flask) -> dict[str, APIOperation]:
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app)
    return {one.ok().label: one.ok() for one in schema.get_all_operations()}


def test_the_routes_answer_as_described(app: Flask) -> None:
    """Unsigned and garbled requests: never a 500, never an answer that is not described."""
    found = operations(app)
    assert {"POST /webhooks/sentry", "GET /health", "GET /ready", "GET /metrics"} <= set(found)
    for operation in found.values():

        @BOUNDED
        @given(case=operation.as_strategy())
        def run(case: schemathesis.Case) -> None:
            case.call_and_validate(excluded_checks=[unsupported_method])

        run()


def test_signed_webhooks_of_any_content_are_answered(app: Flask) -> None:
    """With a signature that fits: 202, or 400 for what is no object."""
    seen = set()

    @BOUNDED
    @given(case=operations(app)["POST /webhooks/sentry"].as_strategy())
    def run(case: schemathesis.Case) -> None:
        body = json.dumps(case.body).encode() if isinstance(case.body, dict | list | str) else b"\xff"
        headers = {"Sentry-Hook-Signature": sign(SECRET, body), "Sentry-Hook-Resource": "issue"}
        answer = app.test_client().post("/webhooks/sentry", data=body, headers=headers)
        seen.add(answer.status_code)
        assert answer.status_code in (202, 400)

    run()
    assert 202 in seen
