"""Which tokens a query asks the index for: an AND of ORs that loses no hit, though it may find too much."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Final, NamedTuple

from fhir.search import indexing, stretches
from fhir.search.conditions import (
    Beginning,
    Condition,
    Exactly,
    IdentifiedBy,
    Measure,
    Missing,
    Target,
    Together,
    TokenValue,
    Value,
)
from fhir.search.definitions import Kind, Parameter, TypeParameters
from fhir.search.indexing import Index
from fhir.search.parameters import (
    CODE,
    IDENTIFIED,
    LONG,
    OF,
    ON,
    STARTS,
    SYSTEM_AND_CODE,
    TO,
    Token,
    sizes_asked,
)
from fhir.search.sets import MOST, Asked, Rank, TokenSet
from fhir.search.strings import LENGTHS, folded, prefix


class Lookup(NamedTuple):
    """The sets of tokens to intersect (a hit has one of each), rarest first, and whether they alone decide."""

    sets: tuple[TokenSet, ...]
    decided: bool


_TOO_MANY: Final = Asked(Rank.MONTHS, frozenset())  # so many that none is asked for


class _Beside(NamedTuple):
    """What the other conditions say that codes are hidden with."""

    type: str
    table: TypeParameters
    references: Sequence[str]
    days: Sequence[str]
    codes: Sequence[str]  # the ones of `code`, if each is named


def lookup(type: str, conditions: Sequence[Condition], *, table: TypeParameters) -> Lookup:
    """What to ask the index for; no sets if it can't help, `decided` if no candidate can fail the exact check."""
    positive = [one for one in conditions if not one.negated and not isinstance(one.values[0], Missing)]
    anchor = _anchor(type, positive, table)
    days = stretches.asked_days(positive, table.date)
    codes = _named_codes([one for one in positive if one.parameter.name == "code"])
    beside = _Beside(type, table, _references(anchor), days, codes)
    found: list[Asked] = []
    of_anchor: set[TokenSet] = set()
    decided = len(positive) == len(conditions)
    hidden = False
    for condition in positive:
        if condition.parameter.kind is Kind.DATE:
            continue
        sets = list(_sets(condition, beside))
        usable = [one for one in sets if 0 < len(one.tokens) <= MOST]
        decided = decided and any(one.is_exact for one in usable)
        hidden = hidden or any(one.rank is Rank.CODE_OF_PATIENT for one in usable)
        found += usable
        if condition is anchor:
            of_anchor = {one.tokens for one in usable}
    for parameter in {
        one.parameter.name: one.parameter for one in positive if one.parameter.kind is Kind.DATE
    }.values():
        of_this = [one for one in positive if one.parameter.name == parameter.name]
        dated = list(stretches.dated(type, of_this, parameter))
        found += dated
        decided = decided and stretches.prove(of_this, dated)
    if hidden and anchor is not None and table.anchor is not None and _looks_at_all(type, anchor, table.anchor):
        # A code with the patient proves the patient too.
        found = [one for one in found if one.tokens not in of_anchor]
    ordered = sorted((one for one in found if 0 < len(one.tokens) <= MOST), key=lambda one: (one.rank, len(one.tokens)))
    return Lookup(tuple(dict.fromkeys(one.tokens for one in ordered)), decided)


def _sets(condition: Condition, beside: _Beside) -> Iterator[Asked]:
    """The sets that a condition asks for; none if the index does not hold all that it could find."""
    parameter = condition.parameter
    if parameter.kind is Kind.COMPOSITE:
        yield from _composite(condition, beside)
        return
    names = indexing.asked(beside.type, parameter.name)
    holds = indexing.held(beside.type, parameter.name)
    if holds is Index.KEYED:
        # Only where the code stands beside the quantity, not where it is another component's.
        if names == (parameter.name,) and beside.codes:
            yield _measured(beside.type, names, product(beside.codes, condition.values))
    elif holds is Index.COMPOUND:
        yield _compound(names, condition, beside)
    elif names:
        yield _own(names, condition, beside)


def _own(names: Sequence[str], condition: Condition, beside: _Beside) -> Asked:
    type, parameter, found = beside.type, condition.parameter, set[Token]()
    is_contact = indexing.is_contact(type, parameter.name)
    is_part = is_contact and names != (parameter.name,)
    for value in condition.values:
        says = list(_says(value, parameter.name if is_part else ""))
        if not says:
            return _TOO_MANY  # nothing can be left out then
        found.update((name, type, *said) for name, said in product(names, says))
    exact = all(_is_exact(value, parameter, is_part=is_part) for value in condition.values)
    return Asked(_rank(condition, type), frozenset(found), exact)


def _says(value: Value, system: str) -> Iterator[Token]:
    """What a token of the value says; the system is that of a `phone` or `email` among all contacts."""
    match value:
        case TokenValue(None, str(code)):
            yield (SYSTEM_AND_CODE, system, code) if system else (CODE, code)
        case TokenValue(str(system), str(code)):
            yield SYSTEM_AND_CODE, system, code
        case IdentifiedBy(TokenValue(_, str(code))):
            yield IDENTIFIED, code
        case Target(addresses):
            yield from ((TO, address) for address in addresses)
        case Beginning(form) if beginning := prefix(form):
            yield STARTS, beginning
        case Exactly(text) if beginning := prefix(folded(text)):
            yield STARTS, beginning


def _is_exact(value: Value, parameter: Parameter, *, is_part: bool) -> bool:
    """Whether having a token of the value is the same as having the value."""
    match value:
        case TokenValue(system, _):
            # Among all contacts a mail address is no telephone number.
            return not is_part or system in (None, parameter.name)
        case Beginning(form):
            return len(form) in LENGTHS
        case Target(addresses):
            # Another parameter's tokens may hold a bare address of a type that this one does not take.
            is_own = parameter.lookup == (parameter.name,)
            return is_own or all(address.partition("/")[0] in parameter.targets for address in addresses)
    return False


def _rank(condition: Condition, type: str) -> Rank:
    match condition.values[0]:
        case TokenValue():
            return Rank.CODE if indexing.is_public(type, condition.parameter.name) else Rank.IDENTIFIER
        case IdentifiedBy():
            return Rank.PATIENT
        case Target(addresses):
            return Rank.PATIENT if all(address.startswith("Patient/") for address in addresses) else Rank.REFERENCE
    return Rank.TEXT


def _compound(names: Sequence[str], condition: Condition, beside: _Beside) -> Asked:
    type, values = beside.type, [value for value in condition.values if isinstance(value, TokenValue) and value.code]
    if len(values) == len(condition.values):  # "system|" asks for any code
        if len(names) * len(beside.references or beside.days) * len(values) > MOST:
            return _TOO_MANY  # before they are made
        if beside.references:
            plain = indexing.is_plain(type, condition.parameter.name)
            said = [_coded(value, plain=plain) for value in values]
            found = {(name, type, OF, to, *code) for name, to, code in product(names, beside.references, said)}
            return Asked(Rank.CODE_OF_PATIENT, frozenset(found), not plain or all(one.system is None for one in values))
        if beside.days:
            long = {(name, type, LONG) for name in names}
            days = product(names, beside.days, values)
            on = {(name, type, ON, day, value.code or "") for name, day, value in days}
            return Asked(Rank.CODE_ON_DAY, frozenset(long | on))
    return _TOO_MANY


def _coded(value: TokenValue, *, plain: bool) -> Token:
    code = value.code or ""
    return (code,) if plain or value.system is None else (value.system, code)


def _composite(condition: Condition, beside: _Beside) -> Iterator[Asked]:
    """The number with its code, and each part on its own, as what meets the whole meets its parts."""
    parameter, wholes = condition.parameter, [value for value in condition.values if isinstance(value, Together)]
    if names := indexing.asked(beside.type, parameter.name):
        pairs = [(whole.parts[0], whole.parts[1]) for whole in wholes]
        codes = _codes([code for code, _ in pairs])
        if len(codes) == len(pairs):
            yield _measured(beside.type, names, zip(codes, (value for _, value in pairs), strict=True))
    for place, component in enumerate(parameter.components):
        same = beside.table.parameters.get(component.name)
        if same is not None and same.kind in (Kind.TOKEN, Kind.REFERENCE):
            parts = tuple(whole.parts[place] for whole in wholes)
            yield from (one._replace(is_exact=False) for one in _sets(Condition(same, parts), beside))


def _measured(type: str, names: Sequence[str], pairs: Iterator[tuple[str, Value]]) -> Asked:
    found: set[Token] = set()
    for code, value in pairs:
        said = list(sizes_asked(code, value)) if isinstance(value, Measure) else []
        if not said:
            return _TOO_MANY
        found.update((name, type, *one) for name, one in product(names, said))
        if len(found) > MOST:
            return _TOO_MANY
    return Asked(Rank.NUMBER, frozenset(found))


def _codes(values: Sequence[Value]) -> list[str]:
    return [value.code for value in values if isinstance(value, TokenValue) and value.code]


def _named_codes(conditions: Sequence[Condition]) -> list[str]:
    for condition in conditions:
        codes = _codes(condition.values)
        if len(codes) == len(condition.values):
            return codes
    return []


def _anchor(type: str, conditions: Sequence[Condition], table: TypeParameters) -> Condition | None:
    """The condition that says whom a hit is about, by whichever parameter that looks at the same values."""
    if table.anchor is None:
        return None
    same = set(indexing.elsewhere(type, table.anchor.name))
    for condition in conditions:
        looked = indexing.elsewhere(type, condition.parameter.name)
        if set(looked) <= same and all(isinstance(value, Target) for value in condition.values):
            return condition
    return None


def _looks_at_all(type: str, anchor: Condition, parameter: Parameter) -> bool:
    """Whether what the codes are hidden with is what the condition looks at, and nothing else."""
    return set(indexing.elsewhere(type, anchor.parameter.name)) == set(indexing.elsewhere(type, parameter.name))


def _references(anchor: Condition | None) -> list[str]:
    if anchor is None:
        return []
    return [address for value in anchor.values if isinstance(value, Target) for address in sorted(value.addresses)]
