"""How a demo is asked for: the environment variables that DESIGN 9 fixes."""

import socket
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.problems import Problem
from infra.settings import Environment, Settings
from telemed.demo.files import Folder

LEAST_PATIENTS: Final = 200
DEFAULT_FOLDER: Final = Path("var/demo")


class PortTaken(Problem):
    """A port that the demo needs is in use. Set PORT and PORTAL_PORT to free ones."""


class Options(BaseSettings):
    """What a demo is started with."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    port: int = Field(8000, validation_alias=AliasChoices("PORT", "port"))
    portal_port: int = Field(8001, validation_alias=AliasChoices("PORTAL_PORT", "portal_port"))
    folder: Path = Field(DEFAULT_FOLDER, validation_alias=AliasChoices("DEMO_DIR", "folder"))
    patients: int = Field(20_000, ge=LEAST_PATIENTS, validation_alias=AliasChoices("DEMO_PATIENTS", "patients"))
    now: datetime | None = Field(None, validation_alias=AliasChoices("TELEMED_DEMO_NOW", "now"))

    @property
    def files(self) -> Folder:
        """The demo's folder."""
        return Folder(self.folder.resolve())

    def settings(self, *, later: timedelta = timedelta(0)) -> Settings:
        """The service's settings, so long after the demo's start: a set clock runs on over a restart."""
        return Settings(
            environment=Environment.DEMO,
            data_dir=self.files.data,
            releases_dir=self.files.releases,
            base_url=f"http://localhost:{self.port}",
            portal_url=f"http://localhost:{self.portal_port}",
            demo_now=self.now + later if self.now else None,
            ice_loopback=True,
        )

    def require_free_ports(self) -> None:
        """Nothing; raises `PortTaken` if somebody listens where the demo wants to."""
        for port in (self.port, self.portal_port):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError as error:
                    raise PortTaken(f"Port {port} is in use. Set PORT and PORTAL_PORT to free ones.") from error


def environment_of(settings: Settings) -> dict[str, str]:
    """The settings as environment variables for a child; none of them is a secret."""
    named = {
        "ENVIRONMENT": settings.environment.value,
        "DATA_DIR": str(settings.data_dir),
        "RELEASES_DIR": str(settings.releases),
        "BASE_URL": settings.base_url,
        "PORTAL_URL": settings.portal_url,
        "ICE_LOOPBACK": "1",
        "DEMO_NOW": settings.demo_now.isoformat() if settings.demo_now else "",
    }
    return {f"TELEMED_{name}": value for name, value in named.items() if value}
