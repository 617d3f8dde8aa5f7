"""Everything that the environment decides, read once. Nothing else in the project reads the environment.

A value comes from the environment, then from ``.env``; in both, ``NAME_FILE`` names a file that holds it
(Docker and Kubernetes secrets). A value that is missing where it is needed is a ``UserError`` that says which
one, why, and where to get it.
"""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from .core.policy import Policy
from .errors import UserError
from .policy_file import load_policy
from .settings_database import database_url, password_of
from .settings_model import ModelSettings, TriageMode
from .settings_operate import OperateSettings
from .settings_sources import WHERE_TO_GET, NamedFiles, aliases, env


class WriteMode(StrEnum):
    """``on`` writes into Sentry; ``shadow`` decides and stores everything and writes nothing."""

    ON = "on"
    SHADOW = "shadow"


class Settings(ModelSettings, OperateSettings):
    """Frozen; made once at the edge and passed down."""

    model_config = SettingsConfigDict(
        frozen=True, env_file=".env", env_file_encoding="utf-8", extra="ignore", populate_by_name=True
    )

    sentry_url: str = env(
        "SENTRY_URL",
        "SENTRY_BASE_URL",
        "SENTRY_HOST",
        default="https://sentry.io",
        description="Sentry's address: https://sentry.io, https://de.sentry.io or your own server.",
    )
    sentry_org: str = env(
        "SENTRY_ORG", "SENTRY_ORGANIZATION", default="", description="The organization's slug."
    )
    sentry_auth_token: SecretStr = env(
        "SENTRY_AUTH_TOKEN",
        "SENTRY_TOKEN",
        default=SecretStr(""),
        description="Token of the internal integration; reads and writes issues.",
    )
    sentry_client_secret: SecretStr = env(
        "SENTRY_CLIENT_SECRET",
        "SENTRY_WEBHOOK_SECRET",
        default=SecretStr(""),
        description="Client Secret of the integration; several, separated by commas, while rotating.",
    )
    sentry_app_slug: str = env(
        "SENTRY_APP_SLUG",
        default="",
        description="Slug of our integration; needed only where the organization has several.",
    )
    sentry_ingest_hosts: Annotated[tuple[str, ...], NoDecode] = env(
        "SENTRY_INGEST_HOSTS",
        default=(),
        description="Hosts of a Relay of your own that the projects' DSNs point to, separated by commas.",
    )
    sentry_dsn: SecretStr = env(
        "SENTRY_DSN",
        default=SecretStr(""),
        description="Where our own errors go; issues of that project are never triaged.",
    )
    database_url: str = env(
        "DATABASE_URL",
        default="sqlite:///triage.db",
        description="sqlite:///FILE for one machine, postgresql://… for many.",
    )
    host: str = env("HOST", default="0.0.0.0", description="Address to listen on.")  # noqa: S104
    port: int = env("PORT", default=8000, ge=0, le=65535, description="Port to listen on.")
    web_concurrency: int = env(
        "WEB_CONCURRENCY", default=2, ge=1, le=64, description="Web processes of `gunicorn`."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = env(
        "LOG_LEVEL", default="INFO", description="DEBUG, INFO, WARNING or ERROR."
    )
    log_format: Literal["text", "json"] = env("LOG_FORMAT", default="text", description="text or json.")

    triage_write: WriteMode = env(
        "TRIAGE_WRITE",
        default=WriteMode.ON,
        description="on, or shadow: decide and store everything, write nothing to Sentry.",
    )
    triage_config: Path = env(
        "TRIAGE_CONFIG", default=Path("triage.toml"), description="The team's own rules, routes and limits."
    )
    triage_public_url: str = env(
        "TRIAGE_PUBLIC_URL",
        default="",
        description="Where this app is reached from outside; links in Sentry point there.",
    )
    triage_encryption_keys: Annotated[tuple[SecretStr, ...], NoDecode] = env(
        "TRIAGE_ENCRYPTION_KEY",
        default=(),
        description="Fernet keys for payloads at rest, newest first; else made from the client secret.",
    )
    triage_reconcile_seconds: int = env(
        "TRIAGE_RECONCILE_SECONDS",
        default=300,
        ge=0,
        description="How often Sentry's list is compared with ours; 0 is never.",
    )
    triage_reconcile_first_hours: int = env(
        "TRIAGE_RECONCILE_FIRST_HOURS",
        default=24,
        ge=0,
        description="How far back the very first comparison looks; older issues are for `backfill`.",
    )
    triage_retention_days: int = env(
        "TRIAGE_RETENTION_DAYS", default=90, ge=1, description="How long payloads and finished jobs are kept."
    )

    @field_validator("sentry_url", "triage_public_url", "openai_base_url", "anthropic_base_url")
    @classmethod
    def _is_url(cls, value: str) -> str:
        value = value.strip().rstrip("/").removesuffix("/api/0")
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value

    @field_validator("database_url")
    @classmethod
    def _is_database(cls, value: str) -> str:
        return database_url(value)

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("triage_encryption_keys", "sentry_ingest_hosts", mode="before")
    @classmethod
    def _comma_list(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @property
    def client_secrets(self) -> tuple[str, ...]:
        """Every client secret that is valid now; the newest first."""
        return tuple(s.strip() for s in self.sentry_client_secret.get_secret_value().split(",") if s.strip())

    def secrets(self) -> list[str]:
        """Every secret value there is, to be kept out of logs and pages; the database's password too."""
        found = list(self.client_secrets)
        for name in type(self).model_fields:
            value = getattr(self, name)
            values = value if isinstance(value, tuple) else (value,)
            found += [one.get_secret_value() for one in values if isinstance(one, SecretStr)]
        return [secret for secret in (*found, password_of(self.database_url)) if secret]

    def require(self, *names: str) -> None:
        """Raise a ``UserError`` naming the first of ``names`` (fields) that is not set."""
        for name in names:
            value = getattr(self, name)
            if not (value.get_secret_value() if isinstance(value, SecretStr) else value):
                raise UserError(f"{env_name(name)} is not set.", hint=WHERE_TO_GET.get(name, ""))

    def policy(self) -> Policy:
        """The team's ``triage.toml``; the defaults where none is named and there is no such file.

        Raises ``UserError`` for a file that is named and missing, and for one that cannot be used.
        """
        return load_policy(self.triage_config, optional="triage_config" not in self.model_fields_set)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        files, dotenv_files = (NamedFiles(settings_cls, names) for names in (env_settings, dotenv_settings))
        return (init_settings, env_settings, files, dotenv_settings, dotenv_files)


def environment() -> dict[str, str]:
    """The process's own variables, for showing where a setting came from."""
    return dict(os.environ)


def env_name(field_name: str) -> str:
    """The environment variable that people are told to set for a field."""
    return aliases(Settings.model_fields[field_name], field_name)[0]


def load_settings(**overrides: Any) -> Settings:
    """Read the environment. Raises ``UserError`` with one sentence on the first malformed value."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        where = str(first["loc"][0]) if first["loc"] else "settings"
        name = env_name(where) if where in Settings.model_fields else where
        described = next(
            (f.description for n, f in Settings.model_fields.items() if name in aliases(f, n)), ""
        )
        reason = first["msg"].removeprefix("Value error, ")
        raise UserError(f"{name} is not valid: {reason}.", hint=described or "") from None


class _Fixed(Settings):
    """Reads nothing from outside."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def fixed_settings(**values: Any) -> Settings:
    """Settings of exactly these values and the defaults: neither the environment nor ``.env`` is read."""
    return _Fixed(**values)


__all__ = ["Settings", "TriageMode", "WriteMode", "environment", "fixed_settings", "load_settings"]
