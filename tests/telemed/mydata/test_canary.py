"""Nothing personal of My data stands in plain in the database, in an address or in a log line."""

import pytest
from sqlmodel import Session

from telemed.mydata import codes
from telemed.mydata.models import LetterCode
from tests.fhir.test_canary import forms, stores
from tests.telemed.mydata.letters import enter, letter
from tests.telemed.visits.clinic import PATIENT, Clinic

SAID = "Qxkanarienwort stimmt nicht"


async def used(clinic: Clinic) -> list[str]:
    """The secrets of a patient who used everything that My data offers."""
    issued = await letter(clinic, pin_by_post=True)
    http, _ = await enter(clinic, issued)
    await http.post("/my/requests", data={"action": "ask", "kind": "correction", "text": SAID})
    await http.post("/my/consents", data={"action": "statistics-no"})
    for path in ("/my", "/my/looks", "/my/record", "/my/record.pdf", "/my/record.json", "/my/erasure"):
        assert (await http.get(path)).status_code == 200
    await http.post("/my/erasure", data={"pin": issued.pin})
    await enter(clinic, issued, pin="000000")
    while await clinic.services.queue.drain():
        pass
    return [issued.code, issued.code.replace("-", ""), SAID, "Musterkai", "karla@example.org"]


async def test_what_patients_do_leaves_nothing_readable_in_files_or_logs(
    clinic: Clinic,
    database_kind: str,
    database_url: str,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    secrets = await used(clinic)

    logs = "".join(capsys.readouterr())
    files = [path.read_bytes() for path in stores(database_kind, database_url, request)]
    assert "route=/my/record" in logs and "route=/my/erasure" in logs
    assert [text for text in (*secrets, PATIENT) if text in logs] == []
    assert [text for text in secrets if any(form in file for form in forms(text) for file in files)] == []


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_the_same_search_finds_a_code_that_is_stored_as_it_is(
    clinic: Clinic,
    database_kind: str,
    database_url: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(codes, "_factor", lambda vault, key, pin: b"plain pin 123456")

    def unit(session: Session) -> LetterCode | None:
        codes.issue(session, clinic.services.vault, compartment="c", tenant="t", now=clinic.services.clock.now())
        return None

    await clinic.services.database.write(unit)

    files = [path.read_bytes() for path in stores(database_kind, database_url, request)]
    assert any(form in file for form in forms("plain pin 123456") for file in files)
