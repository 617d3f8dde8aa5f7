"""A small FastAPI shop that reports to Sentry, with three ways to break.

pip install fastapi uvicorn sentry-sdk requests
SENTRY_DSN=… uvicorn --factory --app-dir examples/fastapi_shop app:create_app --port 5002
"""

from __future__ import annotations

import os

import requests
import sentry_sdk
from fastapi import FastAPI, HTTPException

USERS = {1: {"name": "Maya", "email": "maya@example.test"}, 2: {"name": "Jonas"}}


def create_app(dsn: str | None = None, payments: str | None = None) -> FastAPI:
    """``dsn``: where errors go; ``payments``: address of the payment provider."""
    sentry_sdk.init(
        dsn=dsn or os.environ.get("SENTRY_DSN"),
        environment=os.environ.get("SENTRY_ENVIRONMENT", "production"),
        release=os.environ.get("SENTRY_RELEASE", "fastapi-shop@1.0.0"),
        send_default_pii=False,
    )
    provider = payments or os.environ.get("PAYMENTS_URL", "http://10.255.255.1")
    app = FastAPI(title="fastapi_shop")

    @app.get("/")
    def index() -> dict:
        return {"try_these": ["/test-error", "/api/users/1", "/api/users/2", "/api/orders"]}

    @app.get("/test-error")
    def test_error() -> dict:
        """A defect in our own code."""
        return {"share": 100 / len([])}

    @app.get("/api/users/{user_id}")
    def user(user_id: int) -> dict:
        """Fails for users without an e-mail address."""
        found = USERS.get(user_id)
        if found is None:
            raise HTTPException(404, "no such user")
        return {"name": found["name"], "domain": found["email"].split("@")[1]}

    @app.get("/api/orders")
    def orders() -> dict:
        """The payment provider does not answer in time."""
        return requests.get(f"{provider}/v1/charges", timeout=0.5).json()

    return app
