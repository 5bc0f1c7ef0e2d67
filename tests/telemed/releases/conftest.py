"""A clinic's service with a draft that waits, and the board's browsers."""

from dataclasses import dataclass

import httpx
import pytest

from anonymise import synthetic
from anonymise.definition import shipped
from anonymise.pipeline import Shelf, Work, prepare
from telemed.releases import service
from tests.anonymise.builders import NOW, QUARTER
from tests.telemed.visits.clinic import TENANT, Clinic

SLUG, RELEASE = "reasons-for-encounter", "2026-Q3"
PLACE = f"/console/releases/{SLUG}/{RELEASE}"


@pytest.fixture
def database_kind() -> str:
    """SQLite will do: releases are files."""
    return "sqlite"


@dataclass(frozen=True)
class Board:
    """The service and its shelf."""

    clinic: Clinic

    @property
    def shelf(self) -> Shelf:
        return service.shelf_of(self.clinic.services)

    def draft(self, seed: int = 1) -> str:
        """A draft that waits; its digest."""
        persons = synthetic.persons(900, seed)
        return prepare(persons, self.shelf, work=Work(shipped(), QUARTER, NOW, "the service")).digest

    async def member(self, id: str, *, role: str = "release-board") -> httpx.AsyncClient:
        """A signed-in browser of somebody, verified just now."""
        browser = self.clinic.service.browser()
        await browser.get(await self.clinic.service.sign_in_link(TENANT, role=role, practitioner=id))
        browser.headers.update({"Sec-Fetch-Site": "same-origin", "Accept-Language": "en"})
        return browser


@pytest.fixture
def board(clinic: Clinic) -> Board:
    """A service whose board has something to decide."""
    made = Board(clinic)
    made.draft()
    return made
