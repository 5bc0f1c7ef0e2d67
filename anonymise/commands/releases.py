"""What becomes of a draft: approved by two, published, withdrawn; and whether a release is what was signed."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from anonymise.approvals import private_key
from anonymise.commands.options import AsJson, BaseUrl, DataDir, ReleasesDir, answer, shelf_of
from anonymise.manifest_names import PUBLIC_KEY
from anonymise.pipeline import approve, publish_draft, withdraw_release
from anonymise.register_lines import CAUSES
from anonymise.verification import verified
from anonymise.withdrawals import Withdrawal


def approve_draft(
    slug: str,
    release: str,
    data_dir: DataDir,
    *,
    by: Annotated[str, typer.Option(help="Your name as it is enrolled: DATA_DIR/approvers/NAME.pem.")],
    key: Annotated[Path, typer.Option(help="Your private Ed25519 key (PEM); it stays with you.")],
    as_json: AsJson = False,
) -> None:
    """Agree that exactly this draft is published. Look at it and its audit first; two people have to."""
    shelf = shelf_of(data_dir, data_dir)
    given = approve(shelf, slug, release, by=by, at=datetime.now(UTC), key=private_key(key))
    facts = {"dataset": slug, "release": release, "by": by, "digest": given.digest}
    answer(facts, f"{by} approved {slug} {release}, digest {given.digest}", as_json=as_json)


def publish_approved(
    slug: str, release: str, releases_dir: ReleasesDir, data_dir: DataDir, base_url: BaseUrl, *, as_json: AsJson = False
) -> None:
    """Sign and publish the draft that two people have approved."""
    done = publish_draft(shelf_of(releases_dir, data_dir, base_url), slug, release, now=datetime.now(UTC))
    facts = {"dataset": slug, "release": release, "folder": str(done.folder), "manifest": done.manifest_sha256}
    answer(facts, f"published {done.folder}", as_json=as_json)


def withdraw_published(
    slug: str,
    release: str,
    releases_dir: ReleasesDir,
    data_dir: DataDir,
    *,
    reason: Annotated[str, typer.Option(help="Public: it stands in the register and on the tombstone.")],
    cause: Annotated[str, typer.Option(help=f"The class of the reason: {', '.join(CAUSES)}.")] = "other",
    as_json: AsJson = False,
) -> None:
    """Take a release back. A tombstone stays, later audits still reckon with it, nothing else gets its name."""
    wish = Withdrawal(slug, release, datetime.now(UTC), reason, cause)
    tombstone = withdraw_release(shelf_of(releases_dir, data_dir), wish)
    facts = {"dataset": slug, "release": release, "tombstone": str(tombstone)}
    answer(facts, f"tombstone {tombstone}", as_json=as_json)


def verify(
    folder: Path,
    *,
    key: Annotated[
        Path | None, typer.Option(help="Public key (PEM); without it, signing-key.pem above the folder.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check that a release is as it was signed, in its place, and in the register that lies beside."""
    if not folder.is_dir():
        raise typer.BadParameter(f"there is no folder {folder}")
    public = key or folder.resolve().parent.parent / PUBLIC_KEY
    if not public.is_file():
        raise typer.BadParameter(f"there is no public key at {public}; name one with --key")
    found = verified(folder, key=public.read_bytes())
    facts, before = found.facts, found.facts["previous"]
    told = {name: facts[name] for name in ("dataset", "release", "previous", "protection")}
    told |= {"registered": found.registered, "key": found.fingerprint, "key_pinned": key is not None}
    lines = [
        f"{facts['dataset']} {facts['release']}: {len(facts['files'])} files, all as signed",
        "its manifest is in the register" if found.registered else "no register beside it: not compared",
        f"key SHA-256 {found.fingerprint}",
    ]
    if key is None:
        lines.append("key not pinned: it lies beside the release. Compare it with a copy from elsewhere, or use --key")
    lines += [
        f"it follows the release whose manifest has the SHA-256 {before}"
        if before
        else "it is the first that was published here",
        f"published under the rule of at least {facts['protection']['k']} persons; --json tells all of it",
    ]
    answer(told, *lines, as_json=as_json)
