"""How a participant without a browser agrees on keys with pages, over a server that nobody trusts.

The same messages in the same order as `web/agreement.js`; the manual says what each of them is for ("How a group agrees
on its keys"). No I/O: what is to be said goes to `send`, what was found out to `found`.
"""

import json
import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from video.headless.words import Words, commitment, nonce, read, short_string, written
from video.sframe import EPOCHS

IV: Final = 12
BASE: Final = 32

Message = Mapping[str, Any]
Send = Callable[[dict[str, Any], str | None], None]
"""What says a message to one participant, or to all."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is admitted; not `here` while their connection is gone and their place is kept."""

    id: str
    role: str
    here: bool = True


@dataclass(frozen=True, slots=True)
class Agreed:
    """The words of a round and whom they are about."""

    words: Words
    people: tuple[Person, ...]


@dataclass(frozen=True, slots=True)
class SenderKey:
    """The base key of one sender for one epoch, and its key id; `id` is empty for one's own."""

    id: str
    kid: int
    base: bytes


@dataclass(frozen=True, slots=True)
class Left:
    """This participant is gone; their keys open nothing any more."""

    id: str


@dataclass(frozen=True, slots=True)
class Tampered:
    """Somebody broke a commitment, or said something that is not theirs: the call has to end."""

    reason: str
    id: str


Found = Agreed | SenderKey | Left | Tampered


@dataclass(frozen=True, slots=True)
class _Opening:
    hash: str
    nonce: str
    pub: str
    label: str


@dataclass(slots=True)
class _Theirs:
    page: str
    round: int
    commit: str
    kid: int
    opening: _Opening | None = None
    early: Message | None = None


@dataclass(slots=True)
class _Mine:
    round: int
    secret: ec.EllipticCurvePrivateKey
    pub: str
    nonce: str
    label: str
    commit: str
    hash: str = ""


@dataclass(slots=True)
class _Member:
    commit: str
    kid: int
    wrap: AESGCM
    unwrap: AESGCM
    epoch: int = 0


@dataclass(slots=True)
class _Round:
    hash: str
    members: dict[str, _Member] = field(default_factory=dict)


class Agreement:
    """One participant's side, for as long as it is in the room."""

    def __init__(self, room: str, me: Person, *, send: Send, found: Callable[[Found], None]) -> None:
        self.page = nonce()
        self.kid = EPOCHS * (EPOCHS + secrets.randbelow(4080))
        self._room, self._me, self._send, self._found = room, me, send, found
        self._roles: dict[str, str] = {}
        self._here: set[str] = set()
        self._theirs: dict[str, _Theirs] = {}
        self._mine: _Mine | None = None
        self._round: _Round | None = None
        self._epoch, self._base = 0, b""

    @property
    def epoch(self) -> int:
        """How many keys of its own this side has had."""
        return self._epoch

    def update(self, people: Iterable[Person]) -> None:
        """Note everybody else who is admitted now, and who of them is here."""
        people, before, were_here = list(people), self._roles, self._here
        self._roles = {one.id: one.role for one in people}
        self._here = {one.id for one in people if one.here}
        gone = [id for id in before if id not in self._roles]
        for id in gone:
            self._theirs.pop(id, None)
            self._found(Left(id))
        members = self._round.members if self._round is not None else {}
        agreed = [members.pop(id) for id in gone if id in members]
        if self._mine is None and self._roles:
            self._announce(1)
        elif self._mine is not None and self._here - were_here:
            self._send(self._commit(self._mine), None)
        if not self._is_current():
            self._begin_without(gone)
        elif agreed:
            self._rekey()
        self._advance()

    def hear(self, sender: str, message: Message) -> None:
        """Take what another participant says of the agreement; what makes no sense is passed over."""
        if sender not in self._roles:
            return
        match message:
            case {"kind": "commit", "page": str(page), "round": int(number), "commit": str(commit), "kid": int(kid)}:
                self._heard_commit(sender, _Theirs(page, number, commit, kid))
            case {"kind": "open", "round": int(number), "hash": str(hash), "nonce": str(value), "pub": str(pub)}:
                self._heard_opening(sender, number, _Opening(hash, value, pub, ""))
            case {"kind": "sync", "hash": str(hash)}:
                self._heard_sync(sender, hash)
            case {"kind": "key", "hash": str(), "epoch": int(), "boxes": dict()}:
                self._heard_key(sender, message)

    def greet(self, id: str) -> None:
        """Say again to a page that was just loaded what it has to know."""
        if self._mine is not None:
            self._send(self._commit(self._mine), id)

    def _heard_commit(self, sender: str, said: _Theirs) -> None:
        known = self._theirs.get(sender)
        anew = known is None or known.page != said.page
        if known is not None and not anew and said.round <= known.round:
            return
        self._theirs[sender] = said
        # Who has opened can't commit with the same nonce again; who is new may have missed what was said before.
        if self._mine is None or said.round > self._mine.round:
            self._announce(said.round)
        elif anew and self._mine.hash:
            self._again()
        elif anew:
            self._send(self._commit(self._mine), sender)
        self._advance()

    def _heard_opening(self, sender: str, number: int, said: _Opening) -> None:
        known = self._theirs.get(sender)
        if known is None or known.round != number or known.opening is not None:
            return
        label = _label(Person(sender, self._roles[sender]), known.page, kid=known.kid, pub=said.pub)
        if commitment(said.nonce, label) != known.commit:
            self._found(Tampered("commitment", sender))
            return
        known.opening = _Opening(said.hash, said.nonce, said.pub, label)
        self._advance()

    def _heard_sync(self, sender: str, hash: str) -> None:
        if self._round is not None and self._round.hash == hash:
            self._share([sender])
        else:
            self._again()

    def _heard_key(self, sender: str, said: Message) -> None:
        member = self._round.members.get(sender) if self._round is not None else None
        if member is None or self._round is None or said["hash"] != self._round.hash:
            if (known := self._theirs.get(sender)) is not None:
                known.early = said
            return
        box, epoch = said["boxes"].get(self._me.id), said["epoch"]
        if not isinstance(box, str) or epoch <= member.epoch:
            return
        about = f"{sender}/{self._me.id}/{epoch}".encode()
        try:
            data = read(box)
            base = member.unwrap.decrypt(data[:IV], data[IV:], about)
        except (InvalidTag, ValueError):
            self._found(Tampered("key", sender))
            return
        member.epoch = epoch
        self._found(SenderKey(sender, member.kid + epoch % EPOCHS, base))

    def _again(self) -> None:
        """Begin the round after this one if the own nonce was told, else say once more what was said in it."""
        if self._mine is None:
            return
        if self._mine.hash:
            self._announce(self._mine.round + 1)
        else:
            self._send(self._commit(self._mine), None)

    def _begin_without(self, gone: Iterable[str]) -> None:
        """A round that has begun does not wait for who left or is away; who has opened in it begins the next."""
        if self._mine is not None and (self._forget_away(self._mine.round) or gone) and self._mine.hash:
            self._again()

    def _forget_away(self, last: int) -> bool:
        """Leave out who is away and has said nothing since this round; they come back as if new. True if any was."""
        away = [id for id, one in self._theirs.items() if id not in self._here and one.round <= last]
        for id in away:
            del self._theirs[id]
        return bool(away)

    def _announce(self, number: int) -> None:
        self._forget_away(number - 1)
        secret = ec.generate_private_key(ec.SECP256R1())
        pub = written(secret.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
        value, label = nonce(), _label(self._me, self.page, kid=self.kid, pub=pub)
        self._mine = _Mine(number, secret, pub, value, label, commitment(value, label))
        self._send(self._commit(self._mine), None)

    def _commit(self, mine: _Mine) -> dict[str, Any]:
        return {"kind": "commit", "page": self.page, "round": mine.round, "commit": mine.commit, "kid": self.kid}

    def _advance(self) -> None:
        mine, all = self._mine, self._theirs.values()
        if mine is None or not all or any(one.round != mine.round for one in all):
            return
        hash = self._hash(mine)
        if self._round is not None and self._round.hash == hash:
            return
        if not mine.hash:
            mine.hash = hash
            opening = {"kind": "open", "round": mine.round, "hash": hash, "nonce": mine.nonce, "pub": mine.pub}
            self._send(opening, None)
        openings = {id: one.opening for id, one in self._theirs.items() if one.opening and one.opening.hash == hash}
        if mine.hash == hash and len(openings) == len(self._theirs):
            self._agree(hash, mine, openings)

    def _hash(self, mine: _Mine) -> str:
        all = [[self._me.id, self.page, mine.commit]]
        all += [[id, one.page, one.commit] for id, one in self._theirs.items()]
        all.sort(key=",".join)  # as JavaScript sorts arrays
        return commitment(self._room, json.dumps(all, separators=(",", ":"), ensure_ascii=False))

    def _is_current(self) -> bool:
        """True while the round that was agreed on is about everybody who has committed since."""
        if self._round is None or self._round.members.keys() != self._theirs.keys():
            return False
        return all(self._round.members[id].commit == one.commit for id, one in self._theirs.items())

    def _agree(self, hash: str, mine: _Mine, openings: Mapping[str, _Opening]) -> None:
        self._round = _Round(hash)
        for id, opening in openings.items():
            theirs = self._theirs[id]
            try:
                wrap, unwrap = self._wrapping(hash, mine, page=theirs.page, pub=opening.pub)
            except ValueError:
                self._found(Tampered("commitment", id))
                return
            self._round.members[id] = _Member(theirs.commit, theirs.kid, wrap, unwrap)
        sides = [(mine.label, mine.nonce), *((one.label, one.nonce) for one in openings.values())]
        people = sorted([self._me, *(Person(id, self._roles[id]) for id in openings)], key=lambda one: one.id)
        self._found(Agreed(short_string(f"group/{self._room}", sides), tuple(people)))
        self._rekey()
        for id, one in self._theirs.items():
            early, one.early = one.early, None
            if early is not None:
                self._heard_key(id, early)

    def _wrapping(self, hash: str, mine: _Mine, *, page: str, pub: str) -> tuple[AESGCM, AESGCM]:
        """The keys under which two hand each other their sender keys: one for each direction, of this round alone."""
        theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), read(pub))
        shared = mine.secret.exchange(ec.ECDH(), theirs)

        def way(sender: str, receiver: str) -> AESGCM:
            info = f"telemed-wrap-1/{sender}/{receiver}".encode()
            return AESGCM(HKDF(hashes.SHA256(), BASE, hash.encode(), info).derive(shared))

        return way(self.page, page), way(page, self.page)

    def _rekey(self) -> None:
        assert self._round is not None
        self._epoch += 1
        self._base = secrets.token_bytes(BASE)
        self._share(self._round.members)
        self._found(SenderKey("", self.kid + self._epoch % EPOCHS, self._base))

    def _share(self, ids: Iterable[str]) -> None:
        assert self._round is not None
        boxes = {}
        for id in ids:
            if (member := self._round.members.get(id)) is not None:
                iv, about = os.urandom(IV), f"{self._me.id}/{id}/{self._epoch}".encode()
                boxes[id] = written(iv + member.wrap.encrypt(iv, self._base, about))
        if boxes:
            self._send({"kind": "key", "hash": self._round.hash, "epoch": self._epoch, "boxes": boxes}, None)


def _label(person: Person, page: str, *, kid: int, pub: str) -> str:
    """Everything about one participant that all have to see alike."""
    return f"{person.id}/{person.role}/{page}/{kid}/{pub}"
