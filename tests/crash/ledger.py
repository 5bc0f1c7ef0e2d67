"""What was sent and what was acknowledged: the record as its clients know it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

SYSTEM = "urn:example:crash"
Resource = dict[str, Any]


@dataclass
class Change:
    """One version of one resource. What a client has not heard of yet, as the id of a new resource, is None."""

    type: str
    marker: str  # an identifier in the body that no other version has; of a deletion the version's address
    sent: Resource | None  # None: deleted
    id: str | None = None
    version: int = 1
    links: dict[str, "Change"] = field(default_factory=dict)  # urn:uuid in `sent`: the entry that it stands for

    def expected(self) -> Resource | None:
        """The resource as it must be read, but for `id` and `meta`."""
        if self.sent is None:
            return None
        linked = {urn: f"{target.type}/{target.id}" for urn, target in self.links.items()}
        resource = {name: value for name, value in self.sent.items() if name not in ("id", "meta")}
        if "subject" in resource:
            reference = resource["subject"]["reference"]
            resource["subject"] = {"reference": linked.get(reference, reference)}
        return resource


Operation = tuple[Change, ...]  # what one request, or one entry of a batch, changes: all of it or nothing


class Ledger:
    """Acknowledged versions by address and version; requests whose answer never came."""

    def __init__(self) -> None:
        self.acknowledged: dict[tuple[str, int], Change] = {}
        self.open: list[Operation] = []

    def sending(self, operation: Operation) -> None:
        """Nothing; the request is under way."""
        self.open.append(operation)

    def answered(self, operation: Operation) -> None:
        """Nothing; the request was acknowledged, its changes know their ids."""
        self.open.remove(operation)
        for change in operation:
            assert change.id is not None
            self.acknowledged[change.id, change.version] = change

    def refused(self, operation: Operation) -> None:
        """Nothing; the request was answered, and not with success."""
        self.open.remove(operation)

    def present(self) -> list[Change]:
        """The newest version of each resource that is not deleted."""
        newest: dict[str, Change] = {}
        for (id, version), change in self.acknowledged.items():
            if id not in newest or version > newest[id].version:
                newest[id] = change
        return [change for change in newest.values() if change.sent is not None]


def identified(resource: Resource, marker: str) -> Resource:
    """The resource with its marker."""
    return resource | {"identifier": [{"system": SYSTEM, "value": marker}]}


def marker_of(resource: Resource) -> str:
    """The marker of a resource that was read."""
    return next(str(each["value"]) for each in resource["identifier"] if each["system"] == SYSTEM)


def bundle(type: str, entries: Iterable[tuple[str, str, Change, dict[str, str]]]) -> Resource:
    """A batch or transaction of (fullUrl, method and address, change, more of the request)."""
    made = []
    for full, request, change, more in entries:
        method, _, url = request.partition(" ")
        entry: Resource = {"fullUrl": full} if full else {}
        if change.sent is not None:
            entry["resource"] = change.sent
        made.append(entry | {"request": {"method": method, "url": url, **more}})
    return {"resourceType": "Bundle", "type": type, "entry": made}
