"""Two people, neither the builder, each bound to exactly what they were shown."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from anonymise import approvals, synthetic
from anonymise.approvals import Approval, EnrolledKeys, Subject, approved, counted, read_approvals, require_two
from anonymise.drafts import Drafts
from anonymise.ledger import Entry
from anonymise.pipeline import Shelf, Work, approve, approve_in_console, prepare, publish_draft
from anonymise.problems import (
    ApprovalRefused,
    AuditStale,
    DraftAltered,
    DraftChanged,
    DraftMissing,
    InputInvalid,
    OwnDraft,
)
from tests.anonymise.builders import BUILDER, NOW, QUARTER, approve_by_two, definition, enrolled, shelf

SLUG, RELEASE = "reasons-for-encounter", "2026-Q3"
KEYS = {
    name: Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b"."))
    for name in ("ada", "ben", "carla", "stranger")
}
DIGESTS = ("a" * 64, "b" * 64)
SUBJECT = Subject(SLUG, RELEASE, DIGESTS[0], "carla")


class Known:
    """Ada, Ben and Carla may approve."""

    def key(self, by: str) -> Ed25519PublicKey | None:
        return KEYS[by].public_key() if by in ("ada", "ben", "carla") else None


def signed(by: str, signer: str, digest: str, at: str = "2026-11-23T08:00:00+00:00") -> Approval:
    message = replace(SUBJECT, digest=digest).message(by)
    return Approval(by, at, digest, KEYS[signer].sign(message).hex())


ANY = st.builds(signed, st.sampled_from([*KEYS, "nobody"]), st.sampled_from(list(KEYS)), st.sampled_from(DIGESTS))


@given(st.lists(ANY, max_size=8))
def test_what_counts_is_one_a_person_enrolled_of_this_draft_and_not_the_builder(given_: Sequence[Approval]) -> None:
    expected = {
        approval.by
        for approval in given_
        if approval.by in ("ada", "ben")
        and approval.digest == SUBJECT.digest
        and approval.signature == signed(approval.by, approval.by, SUBJECT.digest).signature
    }

    found = counted(SUBJECT, given_, approvers=Known())

    assert {approval.by for approval in found} == expected
    assert len(found) == len(expected)


def test_one_persons_two_approvals_are_one() -> None:
    once = signed("ada", "ada", SUBJECT.digest)

    with pytest.raises(ApprovalRefused, match="1 of 2"):
        require_two(SUBJECT, [once, replace(once, at="2026-11-24T08:00:00+00:00")], approvers=Known())


def test_without_the_number_one_approval_would_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approvals, "NEEDED", 1)

    assert len(require_two(SUBJECT, [signed("ada", "ada", SUBJECT.digest)], approvers=Known())) == 1


@pytest.mark.parametrize(
    ("by", "key", "reason"),
    [
        ("carla", "carla", "Who built"),
        ("ada", "ben", "not enrolled"),
        ("nobody", "stranger", "not enrolled"),
        ("ben", "ben", "already"),
    ],
)
def test_an_approval_that_would_not_count_is_refused_with_the_reason(by: str, key: str, reason: str) -> None:
    earlier = [signed("ben", "ben", SUBJECT.digest)]

    with pytest.raises(ApprovalRefused, match=reason):
        approved(SUBJECT, earlier, by=by, at=NOW, key=KEYS[key], approvers=Known())


@pytest.mark.parametrize("name", ["../ada", "ada/..", "", ".", "console:x", "ada.pem\n"])
def test_no_name_leads_out_of_the_folder_of_approvers(tmp_path: Path, name: str) -> None:
    (tmp_path / "ada.pem").write_text("not a key")

    assert EnrolledKeys(tmp_path / "approvers").key(name) is None


def test_a_key_that_is_none_is_answered_by_how_to_make_one(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("x")

    with pytest.raises(InputInvalid, match="openssl genpkey"):
        approvals.private_key(tmp_path / "key.pem")


def test_lines_that_are_no_approval_do_not_count_and_do_not_break(tmp_path: Path) -> None:
    path = tmp_path / "approvals.jsonl"
    approvals.write_approvals(path, [signed("ada", "ada", SUBJECT.digest)])
    path.write_bytes(b'{"by": "ben"}\n[]\nnonsense\n' + path.read_bytes() + b'{"by"')

    assert [approval.by for approval in read_approvals(path)] == ["ada"]


def drafted(place: Shelf, seed: int = 1) -> str:
    draft = prepare(synthetic.persons(900, seed), place, work=Work(definition(), QUARTER, NOW, BUILDER))
    return draft.digest


def test_approvals_lapse_when_the_draft_is_built_anew(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    first = drafted(place)
    approve_by_two(place, SLUG, RELEASE)

    second = drafted(place, seed=2)

    assert first != second
    with pytest.raises(ApprovalRefused, match="0 of 2"):
        publish_draft(place, SLUG, RELEASE, now=NOW)


@pytest.mark.parametrize(
    "name", ["reasons-for-encounter.csv", ".audit.json", ".facts.json", ".members.sealed", "new.csv"]
)
def test_one_byte_changed_inside_lapses_them_too(tmp_path: Path, name: str) -> None:
    place = shelf(tmp_path)
    drafted(place)
    approve_by_two(place, SLUG, RELEASE)
    path = tmp_path / "data" / "drafts" / SLUG / RELEASE / name
    if path.exists():
        path.chmod(0o600)
    content = path.read_bytes() if path.exists() else b""

    path.write_bytes(content.replace(b"encounter", b"encountes", 1) if name == ".facts.json" else content + b" ")

    with pytest.raises(DraftAltered, match=name.replace("reasons-for-encounter.csv", r"reasons-for-encounter\.csv")):
        publish_draft(place, SLUG, RELEASE, now=NOW)


def changed_after_the_audit(place: Shelf) -> None:
    """The first block of the draft says 3 persons."""
    path = place.data_dir / "drafts" / SLUG / RELEASE / "blocks.csv"
    lines = path.read_text().splitlines()
    lines[1] = lines[1].rpartition(",")[0] + ",3"
    path.chmod(0o600)
    path.write_text("\n".join(lines) + "\n")


def test_what_was_changed_after_the_audit_is_neither_approved_nor_published(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    drafted(place)
    changed_after_the_audit(place)

    with pytest.raises(DraftAltered, match=r"blocks\.csv .* changed after the audit. Build it again"):
        approve_by_two(place, SLUG, RELEASE)
    assert place.drafts.altered() == ((SLUG, RELEASE),) and place.drafts.waiting() == ()


def test_without_the_list_of_what_was_audited_it_would_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = shelf(tmp_path)
    drafted(place)
    changed_after_the_audit(place)
    monkeypatch.setattr(Drafts, "_require_audited", lambda *_: None)
    approve_by_two(place, SLUG, RELEASE)

    out = publish_draft(place, SLUG, RELEASE, now=NOW)

    assert ",3\n" in (out.folder / "blocks.csv").read_text()


def test_a_draft_of_an_earlier_form_has_to_be_built_again(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    drafted(place)
    folder = place.data_dir / "drafts" / SLUG / RELEASE
    folder.chmod(0o700)
    (folder / ".audited.sealed").unlink()

    with pytest.raises(DraftAltered, match="Build it again"):
        place.drafts.read(SLUG, RELEASE)


class Same:
    """Ada and Ada2 have one key."""

    def key(self, by: str) -> Ed25519PublicKey | None:
        return KEYS[by.removesuffix("2")].public_key() if by in ("ada", "ada2", "ben", "carla", "carla2") else None


def test_one_key_under_two_names_is_one_person() -> None:
    first, again = signed("ada", "ada", SUBJECT.digest), signed("ada2", "ada", SUBJECT.digest)

    assert [one.by for one in counted(SUBJECT, [first, again], approvers=Same())] == ["ada"]
    with pytest.raises(ApprovalRefused, match="already"):
        approved(SUBJECT, [first], by="ada2", at=NOW, key=KEYS["ada"], approvers=Same())


def test_who_built_it_approves_under_no_other_name_with_the_same_key() -> None:
    assert counted(SUBJECT, [signed("carla2", "carla", SUBJECT.digest)], approvers=Same()) == ()
    with pytest.raises(OwnDraft):
        approved(SUBJECT, [], by="carla2", at=NOW, key=KEYS["carla"], approvers=Same())


def test_people_in_the_console_share_its_key_and_are_told_apart_by_name() -> None:
    class Console:
        def key(self, by: str) -> Ed25519PublicKey | None:
            return KEYS["stranger"].public_key()

    both = [signed(by, "stranger", SUBJECT.digest) for by in ("console:1", "console:2")]

    assert len(counted(SUBJECT, both, approvers=Console())) == 2


@pytest.mark.parametrize("blank", ["", " ", "\t"])
def test_a_blank_name_neither_builds_nor_approves(tmp_path: Path, blank: str) -> None:
    with pytest.raises(InputInvalid, match="stands for nobody"):
        approved(SUBJECT, [], by=blank, at=NOW, key=KEYS["ada"], approvers=Known())
    with pytest.raises(InputInvalid, match="stands for nobody"):
        prepare(synthetic.persons(900, 1), shelf(tmp_path), work=Work(definition(), QUARTER, NOW, blank))


def test_what_was_published_in_between_asks_for_a_new_audit(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    drafted(place)
    approve_by_two(place, SLUG, RELEASE)
    other = prepare(synthetic.persons(300, 7), place, work=Work(definition(), QUARTER.previous(), NOW, BUILDER))

    place.ledger.write(Entry("other", "2026-Q3", QUARTER.start, QUARTER.end), place.drafts.members(other))

    with pytest.raises(AuditStale):
        publish_draft(place, SLUG, RELEASE, now=NOW)


def test_in_the_console_only_what_was_shown_is_approved(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    shown = drafted(place)
    approve_in_console(place, SLUG, RELEASE, person="invented-1", digest=shown, at=NOW)
    drafted(place, seed=2)

    with pytest.raises(DraftChanged):
        approve_in_console(place, SLUG, RELEASE, person="invented-2", digest=shown, at=NOW)


def test_a_key_of_the_command_line_can_not_speak_for_somebody_in_the_console(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    drafted(place)

    with pytest.raises(ApprovalRefused, match="not enrolled"):
        approve(place, SLUG, RELEASE, by="console:invented-1", at=NOW, key=enrolled(place, "ada"))


@pytest.mark.parametrize("names", [("..", "x"), ("a/b", "x"), ("a", "../../x"), ("", ""), ("absent", "2026-Q3")])
def test_no_name_leads_out_of_the_drafts(tmp_path: Path, names: tuple[str, str]) -> None:
    with pytest.raises(DraftMissing):
        shelf(tmp_path).drafts.read(*names)


def test_drafts_are_for_the_service_alone(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    drafted(place)
    folder = tmp_path / "data" / "drafts"

    assert folder.stat().st_mode & 0o077 == 0
    assert {path.stat().st_mode & 0o077 for path in (folder / SLUG / RELEASE).iterdir()} == {0}
