"""A small Flask shop that reports to Sentry, with three ways to break.

pip install flask sentry-sdk requests
SENTRY_DSN=… flask --app examples/flask_shop/app.py run --port 5001
"""

from __future__ import annotations

import os

import requests
import sentry_sdk
from flask import Flask, jsonify

USERS = {1: {"name": "Maya", "email": "maya@example.test"}, 2: {"name": "Jonas"}}


def create_app(dsn: str | None = None, payments: str | None = None) -> Flask:
    """``dsn``: where errors go; ``payments``: address of the payment provider."""
    sentry_sdk.init(
        dsn=dsn or os.environ.get("SENTRY_DSN"),
        environment=os.environ.get("SENTRY_ENVIRONMENT", "production"),
        release=os.environ.get("SENTRY_RELEASE", "flask-shop@1.0.0"),
        send_default_pii=False,
    )
    provider = payments or os.environ.get("PAYMENTS_URL", "http://10.255.255.1")
    app = Flask("flask_shop")

    @app.get("/")
    def index():
        return jsonify(try_these=["/test-error", "/api/users/1", "/api/users/2", "/api/orders"])

    @app.get("/test-error")
    def test_error():
        """A defect in our own code."""
        return jsonify(share=100 / len([]))

    @app.get("/api/users/<int:user_id>")
    def user(user_id: int):
        """Fails for users without an e-mail address."""
        found = USERS.get(user_id)
        if found is None:
            return jsonify(error="no such user"), 404
        return jsonify(name=found["name"], domain=found["email"].split("@")[1])

    @app.get("/api/orders")
    def orders():
        """The payment provider does not answer in time."""
        answer = requests.get(f"{provider}/v1/charges", timeout=0.5)
        return jsonify(answer.json())

    return app
