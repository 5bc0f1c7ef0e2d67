"""The proof that one event stands in its tenant's log, for somebody who has nothing but the log's public key.

The event's leaf, its place, the hashes that lead to the root, the signed checkpoint with that root; and, for whoever
keeps an older checkpoint, the hashes which show that the log has only grown since.
"""

from collections.abc import Mapping, Sequence, Set
from typing import Any, Final

import msgspec
from sqlalchemy import Select, literal, select, union_all
from sqlmodel import Session

from fhir.audit import AUDIT
from fhir.audit_lookup import PREFIX
from fhir.ids import decode
from fhir.ledger import growth, leaves
from fhir.ledger.handover import followed, notes_here
from fhir.ledger.keys import KnownKey, origin, signing_keys
from fhir.ledger.models import CHECKPOINT, LEAF, NODE
from infra.checkpoints import Checkpoint, CheckpointBroken, is_signed, key_of, key_text, opened
from infra.merkle import HashOf, consistency_proof, inclusion_proof, is_consistent, is_included, leaf_hash, node_hash
from infra.problems import Conflict, NotFound
from infra.vault import Vault

STEP: Final = growth.STORED_HEIGHTS

Nodes = Mapping[tuple[int, int], bytes]


class NotSequenced(Conflict):
    """The event is not signed yet. The service does that within seconds; repeat the command."""


class NoSuchEvent(NotFound):
    """The log has no event with this id. `telemed audit list` shows the latest."""


class NoSuchCheckpoint(NotFound):
    """There is no checkpoint of this size in the event's log."""


class LogDiffers(Conflict):
    """The log does not prove this event: something was changed. Run `telemed audit verify`."""


class ProofBroken(Conflict):
    """This proves nothing: a part of it was changed, or another key has signed it."""


class Grown(msgspec.Struct, frozen=True):
    """That the log begins with what an older checkpoint was signed over."""

    checkpoint: str
    hashes: list[bytes]


class Proof(msgspec.Struct, frozen=True, omit_defaults=True):
    """As JSON: bytes are base64. `leaf` is the text whose hash is the leaf; it begins with its format."""

    leaf: str
    index: int
    hashes: list[bytes]
    checkpoint: str
    key: str
    grown: Grown | None = None
    # By which keys one after the other have signed, for whoever knows another one than the newest.
    handovers: list[str] = []


def prove(session: Session, vault: Vault, id: str, *, since: int | None = None) -> Proof:
    """The proof of an event against the newest checkpoint, itself checked; `since` is the size of an older one."""
    row, place = _leaf(session, id)
    tenant = leaves.tenant_of(row)
    state = growth.newest(session, tenant)
    keys = signing_keys(session, vault)
    try:
        growth.confirmed(tenant, state, keys)
    except growth.LogBroken as error:
        raise LogDiffers from error
    if place >= state.size:
        raise NotSequenced
    marks = [place, state.size - 1] if since is None else [place, since - 1, state.size - 1]
    hash_of = _over(_nodes(session, tenant, marks=marks, size=state.size))
    signer = next(key for key in keys if is_signed(state.note, origin(key.name, tenant), key.public))
    try:
        proof = Proof(
            leaf=leaves.leaf(row).decode(),
            index=place,
            hashes=inclusion_proof(place, state.size, hash_of),
            checkpoint=state.note,
            key=key_text(origin(signer.name, tenant), signer.public),
            grown=None if since is None else _grown(session, tenant, since, state.size, hash_of),
            handovers=notes_here(session),
        )
        check(proof)
    except (KeyError, ProofBroken) as error:
        raise LogDiffers from error
    return proof


def check(proof: Proof, *, key: str | None = None) -> Checkpoint:
    """What was signed, if the proof holds; `ProofBroken` if not. `key` is the one that the checker trusts."""
    try:
        trusted = key or proof.key
        # A log's key has the log's origin for a name, which begins with the installation's.
        name = trusted.partition("+")[0].partition(origin("", ""))[0]
        known, _, _ = followed(proof.handovers, [KnownKey(name, key_of(trusted))])
        public, beginnings = [each.public for each in known], {origin(each.name, "") for each in known}
        said = opened(proof.checkpoint, public)
        leaf = leaf_hash(proof.leaf.encode())
        holds = is_included(leaf, proof.index, said.size, proof=proof.hashes, root=said.root)
        if proof.grown is not None:
            old = opened(proof.grown.checkpoint, public)
            hashes = proof.grown.hashes
            holds &= _tenant(old, beginnings) == _tenant(said, beginnings)
            holds &= is_consistent(old.size, said.size, proof=hashes, old_root=old.root, new_root=said.root)
    except CheckpointBroken as error:
        raise ProofBroken from error
    if not holds:
        raise ProofBroken
    return said


def _tenant(said: Checkpoint, beginnings: Set[str]) -> str:
    """Whose log it is, whichever of the names it has; a checkpoint in another name proves nothing."""
    for beginning in beginnings:
        if said.origin.startswith(beginning):
            return said.origin.removeprefix(beginning)
    raise ProofBroken


def _leaf(session: Session, id: str) -> tuple[leaves.Row, int]:
    event = decode(id.removeprefix(PREFIX))
    if event is None:
        raise NoSuchEvent
    wanted = select(LEAF.c.place, *leaves.columns()).outerjoin(LEAF, LEAF.c.event == AUDIT.c.id)
    found = session.connection().execute(wanted.where(AUDIT.c.id == event)).first()
    if found is None:
        raise NoSuchEvent
    if found[0] is None:
        raise NotSequenced
    return tuple(found[1:]), int(found[0])


def _grown(session: Session, tenant: str, old: int, new: int, hash_of: HashOf) -> Grown:
    wanted = select(CHECKPOINT.c.note).where(CHECKPOINT.c.tenant == tenant, CHECKPOINT.c.size == old)
    note = session.connection().execute(wanted).scalar()
    if note is None:
        raise NoSuchCheckpoint
    return Grown(str(note), consistency_proof(old, new, hash_of))


def _nodes(session: Session, tenant: str, *, marks: Sequence[int], size: int) -> Nodes:
    """The stored hashes around these leaves: a block of 256 of each stored height, whatever the size of the log."""
    heights = range(0, size.bit_length(), STEP)
    blocks = sorted({(height, mark >> height >> STEP << STEP) for height in heights for mark in marks})
    # One round trip, and each part of it a range of an index: with an OR the whole log would be read.
    found = session.connection().execute(union_all(*(_block(tenant, *block) for block in blocks)))
    return {(height, place): hash for height, place, hash in found}


def _block(tenant: str, height: int, first: int) -> Select[Any]:
    table, at = (NODE, [NODE.c.height == height]) if height else (LEAF, [])
    asked = select(literal(height), table.c.place, table.c.hash).where(table.c.tenant == tenant, *at)
    return asked.where(table.c.place >= first, table.c.place < first + (1 << STEP))


def _over(nodes: Nodes) -> HashOf:
    def complete(height: int, place: int) -> bytes:
        if height % STEP == 0:
            return nodes[height, place]
        return node_hash(complete(height - 1, 2 * place), complete(height - 1, 2 * place + 1))

    def hash_of(start: int, end: int) -> bytes:
        peaks, at = list[bytes](), start
        while at < end:
            height = (end - at).bit_length() - 1
            peaks.append(complete(height, at >> height))
            at += 1 << height
        hashed = peaks.pop()
        while peaks:
            hashed = node_hash(peaks.pop(), hashed)
        return hashed

    return hash_of
