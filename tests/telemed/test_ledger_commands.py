"""`telemed audit` as an operator and an auditor use it: verify, prove, check elsewhere, take away."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlmodel import Session

from fhir.codec import parse
from fhir.ledger.export import PLACE
from fhir.rules import validate
from infra.database import open_database
from infra.settings import Settings
from tests.fhir.ledger.logs import drop_triggers
from tests.telemed.commanding import Run
from tests.telemed.service import running

PATIENT = '{"resourceType": "Patient", "name": [{"family": "Musterfrau"}]}'


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


@pytest.fixture
def settings(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a service that has answered a few requests and has been stopped; its tables were made by `run`."""
    monkeypatch.setenv("TELEMED_CHECKPOINTS_DIR", str(tmp_path / "copies"))
    (tmp_path / "copies").mkdir()
    made = Settings()

    async def life() -> None:
        async with running(made) as service, await service.system("north") as http:
            assert (await http.post("/fhir/Patient", content=PATIENT)).status_code == 201
            await service.services.sequencer.catch_up()
            assert (await http.get("/fhir/Patient?family=Nobody")).json()["total"] == 0

    asyncio.run(life())
    made.destroyed_keys.touch(0o600)  # as a first start does
    return made


def harm(settings: Settings, unit: Callable[[Session], object]) -> None:
    """Nothing; somebody who may write to the database has done this."""

    async def write() -> None:
        database = open_database(settings.database)
        await database.write(lambda session: drop_triggers(session) or (unit(session) and None))  # type: ignore[func-returns-value]  # both in one unit
        await database.close()

    asyncio.run(write())


def test_a_log_that_nobody_touched_is_verified(settings: Settings, run: Run) -> None:
    found = run("audit", "verify")

    assert found.status == 0 and found.out.endswith("Nothing differs.\n")
    assert "in 1 logs" in found.out and " 0 events wait" in found.out


def test_a_changed_row_is_named_without_personal_data(settings: Settings, run: Run) -> None:
    harm(settings, lambda s: s.connection().exec_driver_sql("UPDATE audit_event SET agent = 'Erika Musterfrau'"))

    found = run("audit", "verify")

    assert found.status == 1 and "event changed: log-" in found.out
    assert "Musterfrau" not in found.out and found.out.endswith("2 differences.\n")


def test_an_event_is_proved_to_somebody_without_the_database(settings: Settings, run: Run, tmp_path: Path) -> None:
    id = run("audit", "list").out.split()[-1]
    file = tmp_path / "proof.json"
    file.write_text(run("audit", "prove", id, "--since", "1").out)
    key = json.loads(file.read_text())["key"]

    told, trusted = (
        run("audit", "prove", "--check", str(file)),
        run("audit", "prove", "--check", str(file), "--key", key),
    )
    file.write_text(file.read_text().replace("north-system", "south-system"))
    changed = run("audit", "prove", "--check", str(file))

    assert told.status == trusted.status == 0 and "of the 2 that localhost:8000/audit/north has signed" in told.out
    assert key in told.out and "Compare it" not in trusted.out
    assert (changed.status, changed.err) == (
        1,
        "This proves nothing: a part of it was changed, or another key has signed it.\n",
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("prove", "log-0000000000000001"), "no event with this id"),
        (("prove", "--check", "/nowhere"), "holds no proof"),
        (("prove",), "Name an event"),
    ],
)
def test_what_can_not_be_proved_is_said(settings: Settings, run: Run, arguments: tuple[str, ...], said: str) -> None:
    found = run("audit", *arguments)

    assert found.status != 0 and said in " ".join(found.err.replace("│", " ").split())


def test_a_log_is_taken_away_as_valid_events_with_their_places(settings: Settings, run: Run) -> None:
    lines = run("audit", "export", "--tenant", "north").out.splitlines()

    events = [json.loads(line) for line in lines]
    for line in lines:
        validate(parse(line.encode(), type="AuditEvent"))
    assert [event["extension"] for event in events] == [[{"url": PLACE, "valueUnsignedInt": at}] for at in range(2)]
    assert run("audit", "export", "--tenant", "north", "--since", "2999-01-01").out == ""
    for nothing in ("export", "list"):
        nowhere = run("audit", nothing, "--tenant", "nowhere")
        assert (nowhere.status, nowhere.out) == (1, "") and "There is no log of this clinic" in nowhere.err


def test_the_doctor_tells_how_far_the_signatures_are_behind(settings: Settings, run: Run) -> None:
    signed = run("doctor").out
    # A row of long ago that never became a leaf.
    harm(
        settings,
        lambda s: s.connection().exec_driver_sql(
            "INSERT INTO audit_event SELECT 1000, recorded, tenant, compartment, action, type, resource_id, version, agent,"
            " agent_tenant, role, purpose, outcome, request_id, data_key, detail FROM audit_event LIMIT 1"
        ),
    )
    behind = run("doctor").out

    assert "good   log  0 events wait for their signature" in signed
    assert "wrong  log  1 events wait for their signature" in behind


def test_a_second_place_that_is_away_is_no_second_place_without_notes(
    settings: Settings, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELEMED_CHECKPOINTS_DIR", "/nowhere")

    found = run("audit", "verify")

    assert found.status == 1 and "TELEMED_CHECKPOINTS_DIR is not there" in found.err


def test_without_the_keys_nothing_is_verified_and_none_are_made(settings: Settings, run: Run) -> None:
    settings.keys.unlink()

    found = run("audit", "verify")

    assert found.status == 1 and "no key file" in found.err
    assert not settings.keys.exists()


async def one_more(settings: Settings) -> None:
    """Nothing; another patient was written and signed."""
    async with running(settings) as service, await service.system("south") as http:
        assert (await http.post("/fhir/Patient", content=PATIENT)).status_code == 201
        await service.services.sequencer.catch_up()


def test_a_new_key_signs_from_now_on_and_the_log_still_holds(settings: Settings, run: Run) -> None:
    told = run("audit", "rotate", "--reason", "every January")
    asyncio.run(one_more(settings))

    assert told.status == 0 and "From now on this key signs: localhost:8000+" in told.out
    assert run("audit", "verify").out.endswith("Nothing differs.\n")


def test_after_a_restored_backup_the_log_begins_anew_and_says_what_is_lost(
    settings: Settings, run: Run, tmp_path: Path
) -> None:
    file = str(tmp_path / "yesterday.backup")
    assert run("backup", file).status == 0
    asyncio.run(one_more(settings))
    assert run("restore", file, "--replace").status == 0
    assert "shortened: " in run("audit", "verify").out

    shown = run("audit", "restart", "--reason", "the disk of the first server died")
    kept = run("audit", "verify")
    done = run("audit", "restart", "--reason", "the disk of the first server died", "--confirm")
    asyncio.run(one_more(settings))
    after = run("audit", "verify")

    assert (shown.status, kept.status) == (1, 1) and "Nothing was changed" in shown.err
    assert done.status == 0 and "/audit/south: 1 events were signed, the first 0 are still there." in done.out
    assert after.status == 0, after.out
    assert "lost: of localhost:8000/audit/south 1 events" in after.out and "the first server died" in after.out
    assert " operation AuditEvent " in run("audit", "list", "--tenant", "south").out


def test_there_is_no_new_beginning_without_a_loss_or_without_a_second_place(
    settings: Settings, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = run("audit", "restart", "--reason", "just so", "--confirm")
    monkeypatch.delenv("TELEMED_CHECKPOINTS_DIR")
    nowhere = run("audit", "restart", "--reason", "just so", "--confirm")

    assert (nothing.status, nowhere.status) == (1, 1)
    assert "nothing that is gone" in nothing.err and "TELEMED_CHECKPOINTS_DIR" in nowhere.err


def proof_of_newest(run: Run, file: Path, *, since: int | None = None) -> str:
    """The log's key, after a proof of its newest event was written into the file."""
    id = run("audit", "list", "--tenant", "north").out.splitlines()[1].split()[-1]
    file.write_text(run("audit", "prove", id, *(() if since is None else ("--since", str(since)))).out)
    return str(json.loads(file.read_text())["key"])


def test_a_witness_cosigns_what_has_only_grown_and_nothing_else(settings: Settings, run: Run, tmp_path: Path) -> None:
    file, note = tmp_path / "proof.json", tmp_path / "checkpoint.txt"
    key = proof_of_newest(run, file)
    by = ("--key", key, "--folder", str(tmp_path / "witness"), "--name", "north.example/witness")
    first = run("audit", "cosign", str(file), *by)
    note.write_text(first.out)
    witness = first.err.split(": ", 1)[1].strip()
    asyncio.run(one_more_look(settings))

    proof_of_newest(run, file)
    unshown = run("audit", "cosign", str(file), *by)
    proof_of_newest(run, file, since=2)
    grown = run("audit", "cosign", str(file), *by)
    back = run("audit", "cosign", str(note), *by)
    seen = run("audit", "witnessed", str(note), "--key", key, "--witness", witness)

    assert (first.status, unshown.status, grown.status, back.status, seen.status) == (0, 1, 0, 1, 0)
    assert "--since" in unshown.err and "not the log that was seen before" in back.err
    assert "north.example/witness saw 2 events of localhost:8000/audit/north" in seen.out
    assert (tmp_path / "witness/witness.pem").stat().st_mode & 0o077 == 0


def test_a_state_that_no_witness_has_seen_is_told(settings: Settings, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "proof.json"
    key = proof_of_newest(run, file)
    other = run("audit", "cosign", str(file), "--key", key, "--folder", str(tmp_path / "w"), "--name", "w.example")
    witness = other.err.split(": ", 1)[1].strip()

    unseen = run("audit", "witnessed", str(file), "--key", key, "--witness", witness)
    no_key = run("audit", "witnessed", str(file), "--key", key, "--witness", "nobody")

    assert unseen.status == 1 and "has not signed for 2 events" in unseen.out
    assert no_key.status != 0 and "no key of a witness" in " ".join(no_key.err.replace("│", " ").split())


async def one_more_look(settings: Settings) -> None:
    """Nothing; another clinic's look is signed in the same log."""
    async with running(settings) as service, await service.system("north") as http:
        assert (await http.get("/fhir/Patient?family=Nobody")).status_code == 200
        await service.services.sequencer.catch_up()


def test_old_looks_are_forgotten_when_it_is_confirmed_and_young_ones_never(settings: Settings, run: Run) -> None:
    young = run("audit", "forget", "--before", "2024-01-01", "--confirm")
    asked = run("audit", "forget", "--before", "2014-01-01")
    done = run("audit", "forget", "--before", "2014-01-01", "--confirm")

    assert (young.status, asked.status, done.status) == (1, 1, 0)
    assert "TELEMED_LOG_YEARS" in young.err and "Nothing was changed" in asked.err
    assert done.out == "0 looks from before 2014-01-01 are forgotten.\n"
    assert settings.checkpoints_dir is not None and (settings.checkpoints_dir / "forgotten.txt").exists()
    assert run("audit", "verify").status == 0


@pytest.mark.parametrize("years", ["-5", "0", "9"])
@pytest.mark.parametrize("command", [("doctor",), ("audit", "forget", "--before", "2026-11-01", "--confirm")])
def test_less_than_ten_years_are_refused_before_anything_is_looked_at(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], years: str
) -> None:
    monkeypatch.setenv("TELEMED_LOG_YEARS", years)
    refused = run(*command)
    monkeypatch.setenv("TELEMED_LOG_YEARS", "10")

    assert (refused.status, refused.out) == (1, "")
    assert refused.err.startswith("TELEMED_LOG_YEARS: The log of accesses is kept for ten years at least")
    assert "ten years at least" not in run(*command).err


def test_a_second_place_that_is_away_is_said_even_after_the_service_ran_beside_it(settings: Settings, run: Run) -> None:
    there = run("doctor")
    assert settings.checkpoints_dir is not None
    settings.checkpoints_dir.rename(settings.checkpoints_dir.with_name("elsewhere"))

    gone = run("doctor")
    asyncio.run(one_more(settings))
    settings.checkpoints_dir.mkdir()
    empty, verified = run("doctor"), run("audit", "verify")

    assert "good   second place" in there.out
    assert gone.status == 1 and f"There is no folder {settings.checkpoints_dir}" in gone.out
    assert empty.status == 1 and "though some are signed. Is it mounted?" in empty.out
    assert verified.status == 1 and "the second place knows 0 events of north" in verified.out


def test_a_second_place_begins_beside_an_older_log_when_it_is_asked_for(settings: Settings, run: Run) -> None:
    assert settings.checkpoints_dir is not None
    settings.checkpoints_dir.rename(settings.checkpoints_dir.with_name("elsewhere"))
    missing = run("audit", "copy")
    settings.checkpoints_dir.mkdir()

    begun, again = run("audit", "copy"), run("audit", "copy")
    asyncio.run(one_more(settings))

    assert (missing.status, begun.status, again.status) == (1, 0, 1)
    assert "is not there" in missing.err and "checkpoints are in the second place" in begun.out
    assert "Nothing was copied" in again.err
    assert run("audit", "verify").status == 0 and "good   second place" in run("doctor").out
    assert " operation AuditEvent " in run("audit", "list", "--tenant", "north").out
