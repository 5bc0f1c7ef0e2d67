"""A second search, by brute force over plain Python data: what an answer must hold, for random searches of random worlds.

Nothing of `fhir.search` is used. Each criterion comes as the text that a client sends and as a test of a resource.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

Data = dict[str, Any]
REGION: Final = ("Practitioner", "Organization")
TENANTS: Final = ("north", "south")
_BERLIN: Final = ZoneInfo("Europe/Berlin")


@dataclass
class Resource:
    """A resource as its writers know it; the compartment is the patient whose record it is in."""

    type: str
    id: str
    tenant: str
    compartment: str | None
    data: Data
    deleted: bool = False


@dataclass
class World:
    """All resources, and which tenant sees which patients of others."""

    resources: dict[str, Resource] = field(default_factory=dict)
    grants: set[tuple[str, str]] = field(default_factory=set)

    def entitled(self, tenant: str, patient: str) -> bool:
        """Whether the tenant may work in the patient's record."""
        found = self.resources.get(f"Patient/{patient}")
        return (patient, tenant) in self.grants or (found is not None and found.tenant == tenant)

    def sees(self, tenant: str, resource: Resource) -> bool:
        """Whether the resource is there for the tenant."""
        if resource.deleted:
            return False
        own = resource.tenant == tenant or resource.type in REGION
        return own or (resource.compartment is not None and self.entitled(tenant, resource.compartment))

    def seen(self, tenant: str, type: str) -> Iterator[Resource]:
        """All resources of a type that are there for the tenant."""
        return (one for one in self.resources.values() if one.type == type and self.sees(tenant, one))


Test = Callable[[World, str, Resource], bool]


class Criterion(NamedTuple):
    """A parameter as it is sent, and what it means."""

    name: str
    value: str
    holds: Test


def links(data: Data, path: str) -> list[str]:
    """The references at a path of a resource, without versions."""
    nodes: list[Any] = [data]
    for key in path.split("."):
        found = [node.get(key) for node in nodes if isinstance(node, dict)]
        nodes = [item for each in found for item in (each if isinstance(each, list) else [each])]
    return [node["reference"].split("/_history/")[0] for node in nodes if isinstance(node, dict)]


def links_of(type: str, known: list[str]) -> list[Criterion]:
    """Criteria of a type that name one of the known resources: what tokens alone decide."""

    def leads(path: str, link: str) -> Test:
        return lambda w, t, r: link in links(r.data, path)

    return [
        Criterion(name, link, leads(path, link))
        for name, (path, targets) in LINKS[type].items()
        for link in known
        if link.split("/")[0] in targets
    ]


def beside(type: str) -> list[tuple[str, str]]:
    """Includes that a search of the type may ask for, as pairs."""
    forward = [("_include", f"{type}:{name}") for name in LINKS[type]]
    reverse = [
        ("_revinclude", f"{source}:{name}")
        for source, way in LINKS.items()
        for name, (_, targets) in way.items()
        if type in targets
    ]
    return forward + reverse


def brought(world: World, tenant: str, include: tuple[str, str], shown: set[str]) -> set[str]:
    """What an include brings for these hits."""
    source, name = include[1].split(":")
    path, targets = LINKS[source][name]
    if include[0] == "_revinclude":
        return {f"{source}/{one.id}" for one in world.seen(tenant, source) if shown & set(links(one.data, path))}
    wanted = {link for reference in shown for link in links(world.resources[reference].data, path)}
    found = {link: world.resources.get(link) for link in wanted if link.split("/")[0] in targets}
    return {link for link, one in found.items() if one is not None and world.sees(tenant, one)}


def stretch(text: str) -> tuple[datetime, datetime]:
    """The time that a date stands for, by its precision."""
    if "T" in text:
        start = datetime.fromisoformat(text)
        return start, start + timedelta(seconds=1)
    parts = [int(part) for part in text.split("-")]
    first = date(*[*parts, 1, 1][:3])
    if len(parts) == 3:
        after = first + timedelta(days=1)
    else:
        month, year = (parts[1], parts[0]) if len(parts) == 2 else (12, parts[0])
        after = date(year + month // 12, month % 12 + 1, 1)
    return _midnight(first), _midnight(after)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=_BERLIN)


def is_then(prefix: str, held: tuple[datetime, datetime], asked: tuple[datetime, datetime]) -> bool:
    """Whether a stretch of time is as a prefix wants it."""
    inside = asked[0] <= held[0] and held[1] <= asked[1]
    return {
        "eq": inside,
        "ne": not inside,
        "gt": held[1] > asked[1],
        "lt": held[0] < asked[0],
        "ge": inside or held[1] > asked[1],
        "le": inside or held[0] < asked[0],
        "sa": held[0] >= asked[1],
        "eb": held[1] <= asked[0],
    }[prefix]


Read = Callable[[Data], Any]
# How each simple parameter reads its values: texts, codes, dates, numbers or references.
TEXTS: Final[dict[str, dict[str, Read]]] = {
    "Patient": {"family": lambda d: [n["family"] for n in d.get("name", ()) if "family" in n]},
    "Practitioner": {"family": lambda d: [n["family"] for n in d.get("name", ()) if "family" in n]},
    "Organization": {"name": lambda d: [d["name"]] if "name" in d else []},
}
CODES: Final[dict[str, dict[str, Read]]] = {
    "Patient": {
        "gender": lambda d: [("http://hl7.org/fhir/administrative-gender", d["gender"])] if "gender" in d else [],
        "identifier": lambda d: [(i["system"], i["value"]) for i in d.get("identifier", ())],
    },
    "Observation": {
        "status": lambda d: [("http://hl7.org/fhir/observation-status", d["status"])],
        "code": lambda d: [(c["system"], c["code"]) for c in d["code"]["coding"]],
    },
    "Encounter": {"status": lambda d: [("http://hl7.org/fhir/encounter-status", d["status"])]},
}
DATES: Final[dict[str, dict[str, Read]]] = {
    "Patient": {"birthdate": lambda d: d.get("birthDate")},
    "Observation": {"date": lambda d: d.get("effectiveDateTime")},
}
NUMBERS: Final[dict[str, dict[str, Read]]] = {
    "Observation": {"value-quantity": lambda d: d.get("valueQuantity", {}).get("value")}
}
LINKS: Final[dict[str, dict[str, tuple[str, tuple[str, ...]]]]] = {
    "Patient": {"organization": ("managingOrganization", ("Organization",)),
                "general-practitioner": ("generalPractitioner", ("Practitioner", "Organization"))},
    "Observation": {"patient": ("subject", ("Patient",)), "encounter": ("encounter", ("Encounter",)),
                    "performer": ("performer", ("Practitioner", "Organization"))},
    "Encounter": {"patient": ("subject", ("Patient",)), "service-provider": ("serviceProvider", ("Organization",))},
    "Organization": {"partof": ("partOf", ("Organization",))},
    "Practitioner": {},
}  # fmt: skip
TYPES: Final = tuple(LINKS)

FAMILIES: Final = ("Muster", "Musterfrau", "Beispiel", "Adler", "Feld")
OBSERVED: Final = ("final", "amended")
MET: Final = ("finished", "planned")
TESTED: Final = (("http://loinc.org", "8867-4"), ("http://loinc.org", "8310-5"), ("urn:own", "8867-4"))
DAYS: Final = ("2026-03-01", "2026-03-31", "2026-04-01", "2026", "2026-03-15T09:00:00+01:00", "2025-12-31", "2024-02")
BORN: Final = ("1964-08-12", "1964-08-13", "1964-08", "1970", "2001-01-01")
_PREFIXES: Final = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb")


@st.composite
def contents(draw: st.DrawFn, type: str, ids: list[str]) -> Data:
    """A resource of a type that refers to some of the ids."""

    def to(*types: str) -> Data | None:
        known = [id for id in ids if id.split("/")[0] in types]
        chosen = draw(st.sampled_from([None, *known]))
        return None if chosen is None else {"reference": chosen}

    name = [{"family": draw(st.sampled_from(FAMILIES))}]
    made: dict[str, Data] = {
        "Organization": {"name": draw(st.sampled_from(FAMILIES)), "partOf": to("Organization")},
        "Practitioner": {"name": name},
        "Patient": {
            "name": name,
            "gender": draw(st.sampled_from([None, "male", "female"])),
            "birthDate": draw(st.sampled_from([None, *BORN])),
            "identifier": [{"system": "urn:s", "value": draw(st.sampled_from("123"))}],
            "managingOrganization": to("Organization"),
            "generalPractitioner": [link] if (link := to("Practitioner", "Organization")) else None,
        },
        "Encounter": {
            "status": draw(st.sampled_from(MET)),
            "class": {"code": "AMB"},
            "subject": to("Patient"),
            "serviceProvider": to("Organization"),
        },
        "Observation": {
            "status": draw(st.sampled_from(OBSERVED)),
            "code": {"coding": [dict(zip(("system", "code"), draw(st.sampled_from(TESTED)), strict=True))]},
            "subject": to("Patient"),
            "encounter": to("Encounter"),
            "performer": [link] if (link := to("Practitioner", "Organization")) else None,
            "effectiveDateTime": draw(st.sampled_from([None, *DAYS])),
            "valueQuantity": draw(st.sampled_from([None, {"value": draw(st.integers(0, 5)), "unit": "x"}])),
        },
    }
    return {"resourceType": type} | {key: value for key, value in made[type].items() if value is not None}


@st.composite
def criteria(draw: st.DrawFn, type: str, *, depth: int = 2) -> Criterion:
    """A criterion for a type; chains and `_has` lead on as deep as this."""
    kinds = [kind for kind, table in _SIMPLE.items() if table.get(type)]
    kinds += ["missing"] if _all(type) else []
    if depth:
        kinds += ["chain"] if LINKS[type] else []
        kinds += ["has"] if any(type in targets for way in LINKS.values() for _, targets in way.values()) else []
    if not kinds:
        kinds = ["id"]
    return draw(_CRITERIA[draw(st.sampled_from(kinds))](type, depth))


@st.composite
def _text(draw: st.DrawFn, type: str, _: int) -> Criterion:
    name = draw(st.sampled_from(sorted(TEXTS[type])))
    read, text = TEXTS[type][name], draw(st.sampled_from(FAMILIES))
    match draw(st.sampled_from(["", ":exact", ":contains"])):
        case ":exact":
            return Criterion(f"{name}:exact", text, lambda w, t, r: text in read(r.data))
        case ":contains":
            part = text[1:4]
            return Criterion(f"{name}:contains", part, lambda w, t, r: any(part in one.lower() for one in read(r.data)))
    start = text[: draw(st.integers(1, len(text)))].upper()
    return Criterion(name, start, lambda w, t, r: any(one.upper().startswith(start) for one in read(r.data)))


@st.composite
def _code(draw: st.DrawFn, type: str, _: int) -> Criterion:
    name = draw(st.sampled_from(sorted(CODES[type])))
    read = CODES[type][name]
    known = {"gender": ["male"], "identifier": ["1", "2"], "code": ["8867-4", "8310-5"]}
    codes = draw(st.lists(st.sampled_from(known.get(name, [*OBSERVED, *MET])), min_size=1, max_size=2, unique=True))
    systems = {"identifier": "urn:s|", "code": "http://loinc.org|"}
    system = draw(st.sampled_from(["", systems.get(name, "")]))

    def fits(data: Data) -> bool:
        return any(code in codes and (not system or system == f"{held}|") for held, code in read(data))

    value = ",".join(f"{system}{code}" for code in codes)
    if draw(st.booleans()):
        return Criterion(f"{name}:not", value, lambda w, t, r: not fits(r.data))
    return Criterion(name, value, lambda w, t, r: fits(r.data))


@st.composite
def _date(draw: st.DrawFn, type: str, _: int) -> Criterion:
    name = draw(st.sampled_from(sorted(DATES[type])))
    read, prefix = DATES[type][name], draw(st.sampled_from(_PREFIXES))
    text = draw(st.sampled_from(BORN if name == "birthdate" else DAYS))
    asked = stretch(text)

    def holds(world: World, tenant: str, resource: Resource) -> bool:
        held = read(resource.data)
        return held is not None and is_then(prefix, stretch(held), asked)

    return Criterion(name, prefix + text, holds)


@st.composite
def _number(draw: st.DrawFn, type: str, _: int) -> Criterion:
    name = draw(st.sampled_from(sorted(NUMBERS[type])))
    read, prefix, asked = (
        NUMBERS[type][name],
        draw(st.sampled_from(["", "gt", "lt", "ge", "le"])),
        draw(st.integers(0, 5)),
    )
    fitting: dict[str, Callable[[int], bool]] = {
        "": lambda n: n == asked, "gt": lambda n: n > asked, "lt": lambda n: n < asked,
        "ge": lambda n: n >= asked, "le": lambda n: n <= asked,
    }  # fmt: skip
    fits = fitting[prefix]
    return Criterion(name, f"{prefix}{asked}", lambda w, t, r: (n := read(r.data)) is not None and fits(n))


@st.composite
def _missing(draw: st.DrawFn, type: str, _: int) -> Criterion:
    name = draw(st.sampled_from(sorted(_all(type))))
    read, wanted = _all(type)[name], draw(st.booleans())
    text = "true" if wanted else "false"
    return Criterion(f"{name}:missing", text, lambda w, t, r: (read(r.data) in (None, [])) is wanted)


@st.composite
def _chain(draw: st.DrawFn, type: str, depth: int) -> Criterion:
    name = draw(st.sampled_from(sorted(LINKS[type])))
    path, targets = LINKS[type][name]
    target = draw(st.sampled_from(targets))
    inner = draw(criteria(target, depth=depth - 1))
    if inner.name.startswith("_has"):
        inner = draw(_missing(target, 0)) if _all(target) else draw(_text(target, 0))

    def holds(world: World, tenant: str, resource: Resource) -> bool:
        found = (world.resources.get(link) for link in links(resource.data, path) if link.startswith(f"{target}/"))
        return any(one is not None and world.sees(tenant, one) and inner.holds(world, tenant, one) for one in found)

    typed = f"{name}:{target}" if len(targets) > 1 or draw(st.booleans()) else name
    return Criterion(f"{typed}.{inner.name}", inner.value, holds)


@st.composite
def _has(draw: st.DrawFn, type: str, depth: int) -> Criterion:
    ways = [(source, name) for source, way in LINKS.items() for name, (_, targets) in way.items() if type in targets]
    source, name = draw(st.sampled_from(sorted(ways)))
    path = LINKS[source][name][0]
    inner = draw(criteria(source, depth=depth - 1))

    def holds(world: World, tenant: str, resource: Resource) -> bool:
        own = f"{resource.type}/{resource.id}"
        return any(
            own in links(one.data, path) and inner.holds(world, tenant, one) for one in world.seen(tenant, source)
        )

    return Criterion(f"_has:{source}:{name}:{inner.name}", inner.value, holds)


def _all(type: str) -> dict[str, Read]:
    """Every parameter of a type with a reader of its values."""
    found: dict[str, Read] = {}
    for table in _SIMPLE.values():
        found |= table.get(type, {})
    for name, (path, _) in LINKS[type].items():
        found[name] = lambda data, path=path: links(data, path)  # type: ignore[misc]  # the default binds the path
    return found


_SIMPLE: Final[dict[str, dict[str, dict[str, Read]]]] = {
    "text": TEXTS, "code": CODES, "date": DATES, "number": NUMBERS,
}  # fmt: skip
_CRITERIA: Final[dict[str, Callable[[str, int], st.SearchStrategy[Criterion]]]] = {
    "text": _text, "code": _code, "date": _date, "number": _number, "missing": _missing, "chain": _chain, "has": _has,
}  # fmt: skip
