"""Chains, companions of the hits, lenient handling, and whatever anybody may send."""

import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fhir.models import SERVED
from fhir.search import criteria, reading
from fhir.search.conditions import Condition, Target
from fhir.search.controls import CONTROLS
from fhir.search.definitions import PARAMETERS
from fhir.search.match import matches
from fhir.search.parsing import Handling, pairs_of, parse
from fhir.search.query import NEWEST_FIRST, OLDEST_FIRST, Query, Summary, Total, narrowed
from infra.problems import Problem
from tests.effort import examples


def one(type: str, name: str, value: str = "x") -> Query:
    return parse(type, [(name, value)])


def test_a_chain_asks_the_type_that_is_named() -> None:
    (chain,) = one("Observation", "subject:Patient.name", "Müller").chains

    (inner,) = chain.queries
    assert (chain.parameter.name, inner.type) == ("subject", "Patient")
    assert matches("Patient", {"name": [{"family": "Mueller"}]}, inner)


def test_a_chain_without_a_type_asks_every_type_that_knows_the_parameter() -> None:
    (chain,) = one("Observation", "subject.identifier").chains

    assert {query.type for query in chain.queries} == {"Patient", "Group", "Device", "Location"}
    (narrower,) = one("Observation", "subject.birthdate", "1970").chains
    assert [query.type for query in narrower.queries] == ["Patient"]


def test_chains_and_has_go_within_each_other() -> None:
    query = one("Encounter", "subject:Patient._has:Observation:patient:performer:Practitioner.identifier")

    (patient,) = query.chains[0].queries
    (has,) = patient.has
    (inner,) = has.query.chains
    assert (has.parameter.name, has.query.type, inner.queries[0].type) == ("patient", "Observation", "Practitioner")
    (member,) = one("Encounter", "patient._has:Group:member:_id", "102").chains[0].queries[0].has
    assert member.query.ids == frozenset({"102"})


def test_two_chains_are_two_conditions() -> None:
    query = parse(
        "Observation", [("patient.name", "a"), ("patient.birthdate", "1970"), ("_has:Provenance:target:agent", "a")]
    )

    assert (len(query.chains), len(query.has)) == (2, 1)


def test_what_a_chain_came_to_narrows_the_query() -> None:
    query = parse("Observation", [("patient.name", "a"), ("code", "x"), ("_id", "1,2")])
    chain = query.chains[0]

    targets = Target(frozenset({"Patient/a"}))
    now = narrowed(query, [Condition(chain.parameter, (targets,))], ids=frozenset({"2", "3"}))

    assert (now.chains, now.ids, now.decided) == ((), frozenset({"2"}), True)
    assert now.tokens == (frozenset({("code", "Observation", "of", "Patient/a", "x")}),)


@pytest.mark.parametrize(
    ("type", "name", "told"),
    [
        ("Observation", "subject.shoesize", "shoesize is not known for any type"),
        ("Observation", "subject:Practitioner.name", "subject can't refer to that type"),
        ("Observation", "subject:Patient.shoesize", "shoesize is not known. Known for Patient"),
        ("Observation", "status.name", "status is not a reference"),
        ("MedicationRequest", "medication:Medication.code", "Medication is not a type that is served here"),
        ("Observation", "subject.", "subject is not a reference that a chain can follow"),
        ("Observation", "patient.organization.partof.partof.name", "at most 3 references"),
        ("Observation", "_has:Encounter:subject:status", "_has:Encounter:subject is not a reference to Observation"),
        ("Patient", "_has:Observation:shoes:status", "_has:Observation:shoes is not a reference"),
        ("Patient", "_has:Observation", "Write _has as"),
        ("Patient", "_has:Medication:subject:code", "is not a reference to Patient"),
        ("Patient", "name:text", "modifier text is not supported for name"),
        ("Observation", "code:in", "modifier in is not supported for code. Supported: :missing, :not."),
        ("Observation", "code:not-in", "modifier not-in is not supported"),
        ("Observation", "code:above", "modifier above is not supported"),
        ("Questionnaire", "url:below", "modifier below is not supported"),
        ("Patient", "identifier:of-type", "modifier of-type is not supported"),
        ("Observation", "subject:Practitioner", "modifier Practitioner is not supported for subject. Supported: :missing, :ident"),
        *(("Patient", name, f"{name} is not supported") for name in ("_text", "_content", "_filter", "_query", "_list", "_type")),
        ("Observation", "code-value-quantity", "must be code$value-quantity"),
        ("Observation", "value-quantity", "must begin with a number"),
        ("Location", "near", "must be latitude|longitude|distance|unit"),
        ("Patient", "_include", "must be type:parameter"),
        ("Patient", "_contained", "_contained is not supported"),
        ("Patient", "_pretty", "must be true or false"),
        ("Patient", "_elements:x", "_elements takes no modifier"),
        ("Patient", "_include:recurse", "takes no modifier but :iterate"),
        ("Patient", "_elements", "_elements names an element x that Patient does not have"),
    ],
)  # fmt: skip
def test_what_can_not_be_done_is_a_400_that_says_what(type: str, name: str, told: str) -> None:
    with pytest.raises(Problem) as refused:
        one(type, name)

    assert refused.value.status == 400
    assert told in refused.value.text


def test_a_chain_through_references_to_anything_is_refused_before_it_asks_thousands_of_types() -> None:
    with pytest.raises(Problem, match="asks too many types"):
        one("Task", "focus.subject.identifier")


def test_without_that_limit_it_would_ask_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(criteria, "MOST_ASKED", 10_000)

    (chain,) = one("Task", "focus.subject.identifier").chains

    assert sum(len(inner.chains[0].queries) for inner in chain.queries) > 100


@pytest.mark.parametrize(
    ("value", "source", "parameters", "target"),
    [
        ("Observation:subject", "Observation", {"subject"}, None),
        ("Observation:subject:Patient", "Observation", {"subject"}, "Patient"),
        ("Observation:*", "Observation", {"subject", "patient", "performer", "encounter"}, None),
        ("*", "Observation", {"subject", "patient", "performer", "encounter"}, None),
    ],
)
def test_an_include_names_its_way(value: str, source: str, parameters: set[str], target: str | None) -> None:
    (include,) = one("Observation", "_include", value).includes

    assert (include.type, include.target, include.iterate) == (source, target, False)
    assert parameters <= {parameter.name for parameter in include.parameters}


def test_a_reverse_include_leads_to_the_searched_type() -> None:
    (include,) = one("Patient", "_revinclude", "Observation:*").revincludes

    assert {"subject", "patient", "performer"} <= {parameter.name for parameter in include.parameters}
    assert "encounter" not in {parameter.name for parameter in include.parameters}
    assert one("Patient", "_revinclude:iterate", "Provenance:target").revincludes[0].iterate


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("_include", "Encounter:subject", "_include must begin at Observation"),
        ("_include", "Observation:status", "Observation has no reference status"),
        ("_include", "Medication:subject", "names a type that is not served"),
        ("_include", "Observation:subject:Slot", "does not lead to that type"),
        ("_revinclude", "Slot:schedule", "Slot has no such reference to Observation"),
        ("_revinclude", "Observation:has-member:Patient", "does not lead to that type"),
        ("_revinclude", "*", "must be type:parameter"),
    ],
)
def test_an_include_that_leads_nowhere_is_refused(name: str, value: str, told: str) -> None:
    with pytest.raises(Problem) as refused:
        one("Observation", name, value)

    assert told in refused.value.text


def test_the_answer_is_as_the_controls_say() -> None:
    query = parse("Observation", [("_sort", "-date,_id,-_lastUpdated"), ("_total", "estimate"), ("_elements", "status,value"), ("_pretty", "true")])  # fmt: skip

    assert [(key.name, key.descending) for key in query.sort] == [
        ("date", True),
        ("_id", False),
        ("_lastUpdated", True),
    ]
    assert query.sort[2] == NEWEST_FIRST
    assert (query.total, query.pretty, query.elements[:2]) == (Total.ESTIMATE, True, ("status", "valueQuantity"))
    assert one("Patient", "_sort", "_lastUpdated").sort == (OLDEST_FIRST,)
    assert one("Patient", "_summary", "data").summary is Summary.DATA
    assert (parse("Patient", []).sort, parse("Patient", []).total) == ((), Total.ACCURATE)


@pytest.mark.parametrize(
    "pairs",
    [
        [("_elements", "status"), ("_summary", "true")],
        [("_summary", "text"), ("_include", "Observation:subject")],
        [("_sort", "code-value-quantity")],
        [("_sort", "date,date,date,date,date,date,date,date,date")],
        [("_count", "1"), ("_count", "1")],
    ],
)
def test_controls_that_make_no_sense_are_refused(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(Problem):
        parse("Observation", pairs)


def test_lenient_handling_leaves_out_what_is_not_supported_and_says_so() -> None:
    pairs = [("status", "final"), ("shoesize", "43"), ("code:in", "x"), ("subject.shoesize", "1"), ("_sort", "shoesize"), ("_text", "a")]  # fmt: skip

    query = parse("Observation", pairs, handling=Handling.LENIENT)

    assert query.pairs == (("status", "final"),)
    assert len(query.left_out) == 5
    assert not any("43" in told for told in query.left_out)


def test_what_is_not_utf8_is_refused() -> None:
    assert pairs_of("name=M%C3%BCller") == (("name", "Müller"),)
    with pytest.raises(Problem, match="not UTF-8"):
        pairs_of("name=M%FCller")


@pytest.mark.parametrize(
    "address",
    ["phone=+49301", "telecom=phone|+49301", "telecom=phone%7c+49301", "identifier=a,+b", "general-practitioner:identifier=+a",
     "link.phone=+49301", "_has:Observation:patient:code-value-concept=a$+b"],
)  # fmt: skip
def test_a_bare_plus_that_may_be_a_space_is_refused_with_what_to_write(address: str) -> None:
    with pytest.raises(Problem, match=r"Write a \+ in an address as %2B, and a space at the beginning as %20"):
        parse("Patient", pairs_of(address))

    for written in ("%2B", "%20"):
        assert parse("Patient", pairs_of(address.replace("+", written)))


@pytest.mark.parametrize(
    "address", ["identifier=a+b", "identifier=urn:x|a+b", "identifier=a\\,b+c", "name=+Muster", "identifier=%20a+b"]
)
def test_a_bare_plus_elsewhere_is_a_space(address: str) -> None:
    assert "+" not in str(parse("Patient", pairs_of(address)).conditions)


@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=4), st.sampled_from([quote, quote_plus]))
def test_pairs_are_read_as_they_were_written(pairs: list[tuple[str, str]], encode: Callable[..., str]) -> None:
    assert pairs_of(urlencode(pairs, quote_via=encode)) == tuple(pairs)


def test_lenient_handling_still_refuses_what_is_supported_and_wrong() -> None:
    with pytest.raises(Problem):
        parse("Observation", [("date", "yesterday")], handling=Handling.LENIENT)


names = st.one_of(
    st.sampled_from([*CONTROLS, *(name for type in SERVED for name in PARAMETERS[type].parameters)]),
    st.sampled_from(["subject.", "patient.", "_has:", "_has:Observation:patient:", "subject:Patient.", ""]),
    st.sampled_from([":missing", ":not", ":iterate", ":identifier", ":Patient", ":contains", ".name", ".", ":"]),
    st.text(max_size=8),
)
values = st.one_of(
    st.text(max_size=30),
    st.text("0123456789.-+eE|$,\\:aglenprtvu*", max_size=20),
    st.lists(st.sampled_from(["ap", "2026", "9999-12-31", "1e999", "-", "|", "$", ",", "\\", "*", "Observation:subject", "24:00"]))
    .map("".join),
)  # fmt: skip


@examples(1000)
@given(st.sampled_from(SERVED), st.lists(st.tuples(st.lists(names, max_size=3).map("".join), values), max_size=4))
@example("Patient", [("_cursor:", "")])  # a colon and no modifier
def test_whatever_is_sent_is_read_or_refused(type: str, pairs: list[tuple[str, str]]) -> None:
    for handling in Handling:
        try:
            query = parse(type, pairs, handling=handling)
        except Problem as refused:
            assert refused.status == 400  # noqa: PT017  other problems would not be the sender's
        else:
            assert len(query.pairs) + len(query.left_out) + (query.cursor is not None) == len(pairs)


def test_a_search_that_is_too_long_is_refused_before_it_is_read() -> None:
    assert pairs_of("name=" + "a" * 131_067)

    with pytest.raises(Problem, match="131072"):
        pairs_of("name=" + "a" * 131_068)


@given(st.text(alphabet="\\,|$a\n", max_size=12), st.sampled_from(",|$"))
def test_a_separator_counts_where_no_escape_stands_before_it(text: str, separator: str) -> None:
    marked = re.sub(r"\\.", lambda pair: pair[0].replace(separator, "\0"), text, flags=re.DOTALL)

    assert reading._pieces(text, separator) == [part.replace("\0", separator) for part in marked.split(separator)]
