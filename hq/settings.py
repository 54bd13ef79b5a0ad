"""Headquarters' own TOML file: `[mqtt]`, `[database]`, `[hq]`, `[authority]`.

Paths are relative to it.

One worker is one process; `client_id` must differ between workers of one group. Times are seconds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from store.settings import load_settings


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MqttSection(_Section):
    """Which broker, with which certificates. There is no connection without TLS."""

    host: Annotated[str, Field(min_length=1, max_length=253)]
    port: Annotated[int, Field(ge=1, le=65535)] = 8883
    ca: Path
    certificate: Path
    key: Path
    client_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = "hq"
    keepalive_s: Annotated[int, Field(ge=5, le=3600)] = 30
    # Short: what waits in the session of a worker that is gone for good, no other worker gets.
    session_expiry_s: Annotated[int, Field(ge=0, le=24 * 3600)] = 60
    reconnect_first_s: Annotated[float, Field(ge=0.05, le=60)] = 0.5
    reconnect_most_s: Annotated[float, Field(ge=0.05, le=3600)] = 30.0


class DatabaseSection(_Section):
    """Where everything is kept: an SQLAlchemy URL, or `file` for the embedded SQLite."""

    url: Annotated[str, Field(min_length=1)] | None = None
    file: Path = Path("hq.db")


class HqSection(_Section):
    """The key that signs receipts and commands, and how gaps are asked for."""

    signing_key: Path
    group: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")] = "hq"
    gap_grace_s: Annotated[float, Field(ge=0, le=3600)] = 3.0
    replay_every_s: Annotated[float, Field(ge=0.1, le=3600)] = 10.0
    replay_most_s: Annotated[float, Field(ge=0.1, le=24 * 3600)] = 600.0
    command_expiry_s: Annotated[float, Field(ge=1, le=30 * 24 * 3600)] = 600.0


class AuthoritySection(_Section):
    """The operator's CA at headquarters: `kiosk-hq run` then signs for who joins by a token.

    Without `ca_key` a request waits for `kiosk-hq join sign`. `revoked` is the list of revoked
    certificates; an alarm says when it nears its end.
    """

    ca: Path | None = None
    ca_key: Path | None = None
    valid_for_days: Annotated[int, Field(ge=1, le=3650)] = 365
    revoked: Path | None = None

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.ca is None) != (self.ca_key is None):
            raise ValueError("ca and ca_key belong together")
        return self


class Settings(_Section):
    """What every `kiosk-hq` command reads."""

    mqtt: MqttSection
    database: DatabaseSection = DatabaseSection()
    hq: HqSection
    authority: AuthoritySection = AuthoritySection()


def load(path: Path) -> Settings:
    """Read and check the file; raises `store.errors.SettingsError` with every mistake in it."""
    return load_settings(path, Settings)


def database_url(settings: Settings, config: Path) -> str:
    """The SQLAlchemy URL: `database.url`, or the embedded file beside the settings."""
    if settings.database.url is not None:
        return settings.database.url
    file = settings.database.file
    return f"sqlite:///{file if file.is_absolute() else (config.parent / file).absolute()}"
