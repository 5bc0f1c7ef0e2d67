"""The release board in the console: two people, freshly proven, of the right role, of exactly what they saw."""

import pytest

from anonymise import synthetic
from anonymise.build import build
from anonymise.decisions import decisions
from anonymise.definition import shipped
from anonymise.ledger import Entry
from anonymise.problems import ReleaseRefused
from infra.clock import FixedClock
from telemed.identity.lifetimes import STEP_UP
from telemed.releases import routes
from tests.anonymise.builders import QUARTER
from tests.telemed.releases.conftest import PLACE, RELEASE, SLUG, Board


def digest(board: Board) -> dict[str, str]:
    return {"digest": board.shelf.drafts.read(SLUG, RELEASE).digest}


async def test_two_members_approve_and_it_is_published_and_taken_back(board: Board) -> None:
    ada, ben, shown = await board.member("ada"), await board.member("ben"), digest(board)["digest"]

    seen = await ada.get(PLACE)
    table = await ada.get(f"{PLACE}/files/{SLUG}.csv")
    first = await ada.post(f"{PLACE}/approve", data=digest(board))
    early = await ada.post(f"{PLACE}/publish")
    second = await ben.post(f"{PLACE}/approve", data=digest(board))
    ready = await ben.get("/console/releases")
    out = await ben.post(f"{PLACE}/publish")
    withdrawn = await ada.post(f"{PLACE}/withdraw", data={"reason": "A sum was wrong.", "cause": "error"})
    after = await ada.get("/console/releases")

    assert "0 / 2" in seen.text and shown in seen.text and table.text.startswith("period,")
    assert "Babel" not in ready.text  # of no error nothing is told
    assert (first.status_code, second.status_code, out.status_code, withdrawn.status_code) == (303, 303, 303, 303)
    assert early.status_code == 409 and "Not enough people" in early.text
    assert f"{PLACE}/publish" in ready.text
    assert [line.outcome for line in decisions(board.shelf.releases_dir)] == ["published", "withdrawn"]
    assert [line.cause for line in decisions(board.shelf.releases_dir)] == ["", "error"]
    assert next(iter(decisions(board.shelf.releases_dir))).approvals == 2
    assert "A sum was wrong." in after.text and f"{PLACE}/withdraw" not in after.text


async def test_one_person_is_not_two(board: Board) -> None:
    ada = await board.member("ada")
    await ada.post(f"{PLACE}/approve", data=digest(board))

    again = await ada.post(f"{PLACE}/approve", data=digest(board))

    assert again.status_code == 409
    assert "You have approved this" in again.text


async def test_what_changed_since_it_was_shown_is_not_approved(board: Board) -> None:
    ada, shown = await board.member("ada"), digest(board)
    board.draft(seed=2)

    answer = await ada.post(f"{PLACE}/approve", data=shown)

    assert answer.status_code == 409 and "has changed" in answer.text
    assert board.shelf.approvals(board.shelf.drafts.read(SLUG, RELEASE)) == ()


async def test_the_board_sees_under_which_rule_by_whom_and_whether_it_agreed_itself(board: Board) -> None:
    ada = await board.member("ada")
    ada.headers["Accept-Language"] = "en"

    before = await ada.get(PLACE)
    await ada.post(f"{PLACE}/approve", data=digest(board))
    after = await ada.get("/console/releases")

    for said in ("the service", ">900<", ">consent<", ">10<", "80.0 %", " UTC<", "The page of the numbers"):
        assert said in before.text
    assert "You are one of them" not in before.text and "You are one of them" in after.text


async def test_a_draft_that_was_changed_after_its_audit_is_named_and_shown_to_nobody(board: Board) -> None:
    ada = await board.member("ada")
    shown = digest(board)
    path = board.shelf.data_dir / "drafts" / SLUG / RELEASE / "blocks.csv"
    path.chmod(0o600)
    path.write_bytes(path.read_bytes() + b" ")

    overview, page = await ada.get("/console/releases"), await ada.get(PLACE)
    approved = await ada.post(f"{PLACE}/approve", data=shown)

    assert f"{SLUG} {RELEASE}" in overview.text and f'href="{PLACE}"' not in overview.text
    assert page.status_code == 409 and approved.status_code == 409
    assert "changed after the audit" in approved.text


@pytest.mark.parametrize("verb", ["approve", "publish", "withdraw"])
async def test_without_a_fresh_proof_nothing_is_decided(board: Board, verb: str) -> None:
    ada, services = await board.member("ada"), board.clinic.services
    object.__setattr__(services, "system_clock", FixedClock(services.system_clock.now() + STEP_UP))

    answer = await ada.post(f"{PLACE}/{verb}", data={**digest(board), "reason": "No."})

    assert answer.status_code == 403
    assert list(decisions(board.shelf.releases_dir)) == []
    assert board.shelf.approvals(board.shelf.drafts.read(SLUG, RELEASE)) == ()


@pytest.mark.parametrize(
    ("language", "page", "says"), [("en", "report.en.html", "How large"), ("de", "report.html", "Wie groß")]
)
async def test_the_board_reads_the_inner_report_in_its_language(
    board: Board, language: str, page: str, says: str
) -> None:
    ada = await board.member("ada")
    ada.headers["Accept-Language"] = language

    seen = await ada.get(PLACE)
    report = await ada.get(f"{PLACE}/report/{page}")
    style = await ada.get(f"{PLACE}/report/style.css")

    assert f"{PLACE}/report/{page}" in seen.text
    assert says in report.text and report.headers["cache-control"] == "no-store"
    assert style.headers["content-type"].startswith("text/css")
    assert (await ada.get(f"{PLACE}/report/other.html")).status_code == 404
    assert (await ada.get(f"/console/releases/{SLUG}/2020-Q1/report/{page}")).status_code == 404


async def test_what_was_refused_can_be_read_about(board: Board) -> None:
    ada, place = await board.member("ada"), board.shelf
    entry = Entry("other", "2026-Q2", QUARTER.start, QUARTER.end, shipped().cohort.name)
    persons = synthetic.persons(900, 1)
    place.ledger.write(entry, build(persons.slice(1), shipped()).members)
    with pytest.raises(ReleaseRefused):
        board.draft()

    overview = await ada.get("/console/releases")
    report = await ada.get(f"{PLACE}/report/report.en.html")

    assert f"{PLACE}/report/" in overview.text
    assert "Refused" not in report.text  # the draft that waits is another, and passed
    place.drafts.remove(SLUG, RELEASE)
    assert "Together with other 2026-Q2" in (await ada.get(f"{PLACE}/report/report.en.html")).text


LOOKS = ("/console/releases", PLACE, f"{PLACE}/files/{SLUG}.csv", f"{PLACE}/report/report.html")
ROLES = ["physician", "nurse", "coordinator", "receptionist", "analyst", "operator", "privacy-officer"]


@pytest.mark.parametrize("role", ROLES)
async def test_nobody_else_sees_or_decides(board: Board, role: str) -> None:
    other = await board.member("eva", role=role)

    looked = [await other.get(path) for path in LOOKS]
    acted = [await other.post(f"{PLACE}/{verb}", data=digest(board)) for verb in ("approve", "publish", "withdraw")]

    assert {answer.status_code for answer in [*looked, *acted]} == {403}


async def test_without_the_table_of_roles_a_receptionist_would_decide(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await board.member("eva", role="receptionist")
    monkeypatch.setattr(routes, "require_board", lambda caller: None)

    assert (await other.get(PLACE)).status_code == 200


@pytest.mark.parametrize(
    "path", ["/../x", "/files/..%2F..%2Fkey", "/files/.members.sealed", "/files/.audit.json", "/files/.report.sealed"]
)
async def test_no_address_leads_out_of_the_drafts_public_files(board: Board, path: str) -> None:
    ada = await board.member("ada")

    assert (await ada.get(f"{PLACE}{path}")).status_code == 404


async def test_the_board_begins_at_its_own_page(board: Board) -> None:
    ada = await board.member("ada")

    answer = await ada.get("/console")

    assert (answer.status_code, answer.headers["location"]) == (303, "/console/releases")


async def test_another_sites_form_decides_nothing(board: Board) -> None:
    ada = await board.member("ada")
    ada.headers.update({"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.example"})

    assert (await ada.post(f"{PLACE}/approve", data=digest(board))).status_code == 403
