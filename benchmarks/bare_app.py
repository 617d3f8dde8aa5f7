"""The yardstick of ``ack.py``: a bare Flask route that verifies, parses and inserts one SQLite row."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import sqlite3
import threading

from flask import Flask, request

SECRET = os.environ["SENTRY_CLIENT_SECRET"].encode()
DATABASE = os.environ["BARE_DATABASE"]
local = threading.local()
app = Flask(__name__)


def connection() -> sqlite3.Connection:
    if not hasattr(local, "connection"):
        local.connection = sqlite3.connect(DATABASE, timeout=30)
        local.connection.execute("PRAGMA journal_mode=wal")
        local.connection.execute("PRAGMA synchronous=NORMAL")
        local.connection.execute("CREATE TABLE IF NOT EXISTS inbox (id INTEGER PRIMARY KEY, issue TEXT)")
    return local.connection


@app.post("/webhooks/sentry")
def receive() -> tuple[str, int]:
    body = request.get_data()
    expected = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, request.headers.get("Sentry-Hook-Signature", "")):
        return "", 401
    payload = json.loads(body)
    with connection() as db:
        db.execute("INSERT INTO inbox (issue) VALUES (?)", (payload["data"]["issue"]["id"],))
    return "", 202


@app.get("/ready")
def ready() -> str:
    return "ok"
