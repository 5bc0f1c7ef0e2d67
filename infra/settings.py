"""Everything an operator can set: environment variables with the prefix TELEMED_."""

import os
from collections.abc import Iterable
from datetime import datetime
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra import log
from infra.problems import Problem

# Section 630f (3) BGB: what was written of a treatment is kept for ten years after its end, and who looked at it as long.
# https://www.gesetze-im-internet.de/bgb/__630f.html
LEAST_LOG_YEARS: Final = 10


class Environment(StrEnum):
    """Where the process runs; only the demo may sign in by one click or show the outbox."""

    DEMO = "demo"
    PRODUCTION = "production"


class LogLevel(StrEnum):
    """From which level on log lines are written."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"

    @classmethod
    def _missing_(cls, value: object) -> "LogLevel | None":
        return next((level for level in cls if str(value).upper() == level.value), None)


class Settings(BaseSettings):
    """The settings of one process; infra/README.md has a line for each."""

    model_config = SettingsConfigDict(env_prefix="TELEMED_", extra="ignore", frozen=True)

    environment: Environment = Environment.PRODUCTION
    data_dir: Path = Path("var/telemed")
    database_url: str = Field(default="", repr=False)
    redis_url: str = Field(default="", repr=False)
    base_url: str = "http://localhost:8000"
    portal_url: str = "http://localhost:8001"
    releases_dir: Path | None = None
    key_provider: str = "file"
    key_file: Path | None = None
    destroyed_keys_file: Path | None = None
    allow_file_keys: bool = False
    vault_url: str = ""
    vault_token_file: Path | None = None
    vault_mount: str = "transit"
    vault_key: str = "telemed"
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret_file: Path | None = None
    oidc_claim: str = "sub"
    oidc_acr: str = ""
    privacy_mail: str = ""
    log_years: int = LEAST_LOG_YEARS
    checkpoints_dir: Path | None = None
    demo_now: datetime | None = None
    body_limit: int = 1_048_576
    bundle_limit: int = 10_485_760
    update_creates: bool = False
    conditional_delete: Literal["single", "multiple"] = "single"
    dangling_references: Literal["accept", "refuse"] = "accept"
    log_level: LogLevel = LogLevel.INFO
    smtp_url: str = Field(default="", repr=False)
    mail_sender: str = "termin@telemed.example"
    ice_servers: str = Field(default="", repr=False)
    ice_secret: str = Field(default="", repr=False)
    ice_loopback: bool = False
    practice_robots: int = Field(default=4, ge=0, le=64)
    call_metadata_days: int = Field(default=30, ge=1, le=90)
    outgoing_networks: str = ""
    trusted_proxies: str = ""
    rate_system: str = "1000/second;30000/minute"
    rate_person: str = "100/second;2000/minute"
    rate_fhir: str = "2000/second"
    rate_token: str = "100/second;1500/minute"
    rate_code: str = "100/second;300/minute"
    rate_sign_in: str = "100/second;300/minute"
    rate_pages: str = "200/second;6000/minute"
    slot_horizon_days: int = 28
    phone: str = "0431 0000000"
    patients_see_names: bool = False

    @field_validator("log_years")
    @classmethod
    def _kept_long_enough(cls, years: int) -> int:
        if years < LEAST_LOG_YEARS:
            said = "The log of accesses is kept for ten years at least (BGB, Section 630f). Set 10 or more, or leave it out"
            raise PydanticCustomError("log_years", said)
        return years

    @property
    def database(self) -> str:
        """The database's address; without one a SQLite file in the data folder."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'telemed.sqlite3').resolve()}"

    @property
    def keys(self) -> Path:
        """The key file of the `file` key provider."""
        return self.key_file or self.data_dir / "keys.json"

    @property
    def destroyed_keys(self) -> Path:
        """The list of destroyed data keys: beside the keys, never in a backup of the database."""
        return self.destroyed_keys_file or self.keys.with_name("destroyed-keys.jsonl")

    @property
    def releases(self) -> Path:
        """The folder that holds published releases; the portal reads nothing else."""
        return self.releases_dir or self.data_dir / "releases"

    @property
    def ice_addresses(self) -> list[str]:
        """The addresses of our TURN and STUN servers, one by one."""
        return [address.strip() for address in self.ice_servers.split(",") if address.strip()]

    @property
    def is_demo(self) -> bool:
        """True where people are made up and demo conveniences are open."""
        return self.environment is Environment.DEMO

    @property
    def is_tls(self) -> bool:
        """True where browsers reach us by https, so that cookies carry `__Host-` and Secure."""
        return self.base_url.startswith("https://")


class UnknownSetting(Problem):
    """A variable TELEMED_... is not one that is known, so it would change nothing."""


# Of our prefix, and read by the tests alone.
TESTS: Final = frozenset({"TELEMED_EFFORT", "TELEMED_SHARED"})


def refuse_unknown(environment: Iterable[str]) -> None:
    """Nothing; `UnknownSetting` for a name that begins like ours and is none: a misspelt guard would guard nothing."""
    prefix = str(Settings.model_config["env_prefix"])
    known = {f"{prefix}{name.upper()}" for name in Settings.model_fields}
    for name in sorted(environment):
        if name.upper().startswith(prefix) and name.upper() not in known | TESTS:
            fields = [field.upper() for field in Settings.model_fields]
            nearest = get_close_matches(name.upper().removeprefix(prefix), fields, n=1)
            advice = f"Did you mean {prefix}{nearest[0]}?" if nearest else "infra/README.md lists what can be set."
            raise UnknownSetting(f"{name} is no setting, so it would change nothing. {advice}")


def loaded() -> Settings:
    """The settings of this process; its log lines follow them from here on. `UnknownSetting` for a misspelt one."""
    refuse_unknown(os.environ)
    settings = Settings()
    log.configure(settings.log_level)
    return settings
