"""A small shop that breaks: real errors of real libraries, nothing is raised by hand.

Registered with ``@breaks``; what a function needs of the outside (a server that hangs, one that answers 503)
is started for it on the loopback address by ``Peers``.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from pydantic import BaseModel, Field
from sqlalchemy import create_engine, text

from .peers import Peers


@dataclass(frozen=True, slots=True)
class Breakage:
    """One way in which the shop breaks. ``transaction``: the request or job that it happens in."""

    transaction: str
    project: str
    run: Callable[[Peers], object]
    handled: bool = False


BREAKAGES: list[Breakage] = []


def breaks(
    transaction: str, *, project: str = "shop-api", handled: bool = False
) -> Callable[[Callable[[Peers], object]], Callable[[Peers], object]]:
    """Register a function of the shop that fails."""

    def register(function: Callable[[Peers], object]) -> Callable[[Peers], object]:
        BREAKAGES.append(Breakage(transaction, project, function, handled))
        return function

    return register


class Order(BaseModel):
    """What the checkout form must send."""

    sku: str = Field(min_length=3)
    quantity: int = Field(gt=0)
    email: str


@breaks("/checkout")
def connect_to_database(peers: Peers) -> object:
    """Postgres is not there."""
    import psycopg

    return psycopg.connect(f"postgresql://shop@127.0.0.1:{peers.closed_port}/shop", connect_timeout=3)


@breaks("/checkout/pay")
def charge_card(peers: Peers) -> object:
    """The payment provider takes the connection and never answers."""
    return requests.post(f"{peers.silent_url}/v1/charges", json={"amount": 4200}, timeout=0.3)


@breaks("/orders/{id}")
def order_total(peers: Peers) -> object:
    """An assumption about a dictionary in our own code."""
    order: dict[str, Any] = {"id": 41, "items": [{"sku": "mug", "price": 12}]}
    return sum(item["price"] * item["quantity"] for item in order["items"])


@breaks("/cart")
def add_to_cart(peers: Peers) -> object:
    """A form that does not fit the schema."""
    return Order.model_validate_json('{"sku": "m", "quantity": 0}')


@breaks("/account")
def read_session(peers: Peers) -> object:
    """A login token that has expired."""
    import jwt

    key = "demo-key-that-signs-nothing-of-value"
    token = jwt.encode({"sub": "42", "exp": datetime.now(UTC) - timedelta(hours=1)}, key, algorithm="HS256")
    return jwt.decode(token, key, algorithms=["HS256"])


@breaks("tasks.export_invoices", project="shop-worker")
def write_export(peers: Peers) -> object:
    """A disk that is full: the kernel's own /dev/full answers each write with ENOSPC."""
    with Path("/dev/full").open("w", encoding="utf-8") as disk:
        disk.write("invoice;amount\n" * 10_000)
        disk.flush()
    return None


@breaks("/shipping/quote")
def shipping_quote(peers: Peers) -> object:
    """The carrier's API answers 503."""
    answer = requests.get(f"{peers.failing_url}/v2/rates", timeout=3)
    answer.raise_for_status()
    return answer.json()


@breaks("/search")
def read_cache(peers: Peers) -> object:
    """Redis is not there."""
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    once = Retry(NoBackoff(), 0)
    return redis.Redis(host="127.0.0.1", port=peers.closed_port, retry=once).get("search:mug")


@breaks("/signup")
def create_account(peers: Peers) -> object:
    """Two accounts with one e-mail address."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE accounts (id INTEGER PRIMARY KEY, email TEXT UNIQUE NOT NULL)"))
        for _ in range(2):
            connection.execute(text("INSERT INTO accounts (email) VALUES ('customer@example.test')"))
    return None


@breaks("tasks.nightly_report", project="shop-worker")
def nightly_report(peers: Peers) -> object:
    """A migration that was not run."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        return connection.execute("SELECT total FROM invoices_2026").fetchall()


@breaks("/profile/{id}")
def greeting(peers: Peers) -> object:
    """A customer who was not found, used as if he had been."""
    customers: dict[int, Any] = {}
    customer: Any = customers.get(42)
    return f"Hello {customer.name}"


@breaks("/webhooks/supplier")
def fetch_catalogue(peers: Peers) -> object:
    """A supplier whose certificate nobody signed."""
    return requests.get(f"{peers.self_signed_url}/catalogue.json", timeout=3)


@breaks("tasks.render_thumbnails", project="shop-worker")
def load_image(peers: Peers) -> object:
    """More memory than there is."""
    return bytearray(1 << 62)


@breaks("/import")
def import_prices(peers: Peers) -> object:
    """A file in another encoding than it says."""
    with tempfile.NamedTemporaryFile(suffix=".json") as upload:
        upload.write('{"name": "Käse", "price": 3}'.encode("latin-1"))
        upload.flush()
        return json.loads(Path(upload.name).read_text(encoding="utf-8"))
