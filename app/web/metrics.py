"""What the web process counts itself; everything that the database knows is read from it at scrape time."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

WEBHOOKS = Counter("triage_webhooks_total", "Webhooks received.", ["resource", "action", "result"])
ACK_SECONDS = Histogram(
    "triage_webhook_ack_seconds",
    "Time until Sentry had its answer.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0),
)
