"""The settings of running it: workers, and what people and monitors look at."""

from __future__ import annotations

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from app.settings_sources import env


class OperateSettings(BaseSettings):
    """Part of ``Settings``."""

    triage_dashboard_token: SecretStr = env(
        "TRIAGE_DASHBOARD_TOKEN",
        default=SecretStr(""),
        description="Opens the dashboard; without one the dashboard is off.",
    )
    triage_metrics_token: SecretStr = env(
        "TRIAGE_METRICS_TOKEN",
        default=SecretStr(""),
        description="Bearer token for /metrics; without one it answers this machine only.",
    )
    prometheus_multiproc_dir: str = env(
        "PROMETHEUS_MULTIPROC_DIR",
        default="",
        description="Where web processes share their counts; `gunicorn` sets it by itself.",
    )
    triage_minutes_per_issue: float = env(
        "TRIAGE_MINUTES_PER_ISSUE",
        default=15.0,
        ge=0,
        description="Minutes that sorting an issue by hand takes you; for the hours-saved estimate.",
    )
    triage_worker_concurrency: int = env(
        "TRIAGE_WORKER_CONCURRENCY", default=8, ge=1, le=256, description="Jobs at a time in each worker."
    )
    triage_worker_nice: int = env(
        "TRIAGE_WORKER_NICE",
        default=10,
        ge=0,
        le=19,
        description="How far a worker steps back (nice) behind the web processes of its machine.",
    )
