"""The settings that decide about the language model: which one, when, in what language and for how much."""

from __future__ import annotations

from enum import StrEnum

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from app.settings_sources import env


class TriageMode(StrEnum):
    """``cascade``: the model answers what the offline classifier leaves open; ``model``: everything."""

    CASCADE = "cascade"
    MODEL = "model"
    OFFLINE = "offline"


class ModelSettings(BaseSettings):
    """Part of ``Settings``."""

    triage_model: str = env(
        "TRIAGE_MODEL",
        default="offline",
        pattern=r"^(offline|(openai|anthropic):\S+)$",
        description="offline, openai:NAME or anthropic:NAME.",
    )
    triage_mode: TriageMode = env(
        "TRIAGE_MODE",
        default=TriageMode.CASCADE,
        description="cascade (the model answers what is left open), model (everything) or offline.",
    )
    triage_language: str = env(
        "TRIAGE_LANGUAGE", default="English", description="Language of root cause and fix by a model."
    )
    triage_budget_usd_month: float = env(
        "TRIAGE_BUDGET_USD_MONTH", default=20.0, ge=0, description="Ceiling for model calls in a month."
    )
    triage_budget_usd_day: float = env(
        "TRIAGE_BUDGET_USD_DAY", default=2.0, ge=0, description="Ceiling for model calls in a day."
    )
    triage_model_rpm: int = env(
        "TRIAGE_MODEL_RPM", default=50, ge=1, description="Model calls a minute, over all workers."
    )
    triage_model_concurrency: int = env(
        "TRIAGE_MODEL_CONCURRENCY",
        default=32,
        ge=1,
        le=256,
        description="Model calls at a time in each worker.",
    )
    openai_api_key: SecretStr = env(
        "OPENAI_API_KEY", "LLM_API_KEY", default=SecretStr(""), description="May be empty for a local model."
    )
    openai_base_url: str = env(
        "OPENAI_BASE_URL",
        "LLM_BASE_URL",
        default="https://api.openai.com/v1",
        description="Any OpenAI-compatible endpoint.",
    )
    anthropic_api_key: SecretStr = env(
        "ANTHROPIC_API_KEY", default=SecretStr(""), description="For anthropic:NAME."
    )
    anthropic_base_url: str = env(
        "ANTHROPIC_BASE_URL", default="https://api.anthropic.com", description="Anthropic's endpoint."
    )
