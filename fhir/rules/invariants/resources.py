"""The constraints of the clinical and administrative resources."""

from typing import Any, Final

from fhir.rules.invariants.rule import (
    Node,
    Rule,
    codings,
    has,
    in_order,
    needs,
    not_both,
    one_of,
    parts,
    rule,
)  # fmt: skip
from fhir.rules.table import is_resource

_TERMS: Final = "http://terminology.hl7.org/CodeSystem/"
_ABATED: Final = frozenset(("resolved", "remission", "inactive"))


def _abated(node: Node) -> bool:
    codes = codings(node.get("clinicalStatus"), f"{_TERMS}condition-clinical")
    return has(node, "abatement") and not any(code in _ABATED for code in codes)


def _in_error(node: Node, kind: str) -> bool:
    return "entered-in-error" in list(codings(node.get("verificationStatus"), _TERMS + kind))


def _condition_in_error(node: Node) -> bool:
    return _in_error(node, "condition-ver-status")


def _allergy_without_status(node: Node) -> bool:
    return "clinicalStatus" not in node and not _in_error(node, "allergyintolerance-verification")


def _allergy_in_error(node: Node) -> bool:
    return _in_error(node, "allergyintolerance-verification")


def _absent_value(node: Node) -> bool:
    return has(node, "value")


def _same_component(node: Node) -> bool:
    if not has(node, "value"):
        return False
    own = {_whole(coding) for coding in parts(node.get("code"), "coding")}
    of_parts = (coding for part in parts(node, "component") for coding in parts(part.get("code"), "coding"))
    return any(_whole(coding) in own for coding in of_parts)


def _whole(coding: Node) -> str:
    return repr(sorted(coding.items()))  # comparable by hash: a thousand codings meet a thousand others


def _at_home(name: str) -> Any:
    return lambda node: any(part.get("use") == "home" for part in parts(node, name))


def _on_behalf(node: Node) -> bool:
    member = node.get("member")
    link = member.get("reference") if isinstance(member, dict) else None
    if not isinstance(link, str):
        return False
    type, slash, _ = link.partition("/")
    # A link that names no type can't be followed here, and then the standard lets it pass.
    return bool(slash) and is_resource(type) and type != "Practitioner"


RESOURCES: Final[dict[str, tuple[Rule, ...]]] = {
    "Patient.contact": (
        one_of("pat-1", "name", "telecom", "address", "organization", text="Give the contact a name, number or address."),
    ),
    "Organization": (
        one_of("org-1", "identifier", "name", text="Give the organization a name or an identifier."),
        rule("org-2", "An organization has no home address: send another use.", _at_home("address"),
             at="address", when="address"),
        rule("org-3", "An organization has no home number: send another use.", _at_home("telecom"),
             at="telecom", when="telecom"),
    ),
    "Condition": (
        rule("con-4", "Set clinicalStatus to inactive, resolved or remission, as the condition has abated.",
             _abated, at="clinicalStatus"),
        rule("con-5", "Remove clinicalStatus from a condition that was entered in error.",
             _condition_in_error, at="clinicalStatus", when="clinicalStatus"),
    ),
    "Condition.stage": (one_of("con-1", "summary", "assessment", text="Give the stage a summary or an assessment."),),
    "Condition.evidence": (one_of("con-2", "code", "detail", text="Give the evidence a code or a detail."),),
    "Observation": (
        rule("obs-6", "Remove dataAbsentReason, or the value.", _absent_value,
             at="dataAbsentReason", when="dataAbsentReason"),
        rule("obs-7", "Remove the value: a component has the same code.", _same_component,
             at="component", when="component"),
    ),
    "Observation.referenceRange": (
        one_of("obs-3", "low", "high", "text", text="Give the range a low, a high or a text."),
    ),
    "AllergyIntolerance": (
        rule("ait-1", "Add clinicalStatus: only an entry in error can do without.",
             _allergy_without_status, at="clinicalStatus"),
        rule("ait-2", "Remove clinicalStatus from what was entered in error.", _allergy_in_error,
             at="clinicalStatus", when="clinicalStatus"),
    ),
    "Immunization.education": (one_of("imm-1", "documentType", "reference", text="Add a documentType or a reference."),),
    "CarePlan.activity": (not_both("cpl-3", "reference", "detail", "Send a reference or a detail, not both."),),
    "CareTeam.participant": (
        rule("ctm-1", "Only a Practitioner acts on behalf of an organization.", _on_behalf,
             at="onBehalfOf", when="onBehalfOf"),
    ),
    "Goal.target": (
        rule("gol-1", "Add the measure that the detail belongs to.",
             lambda node: has(node, "detail") and "measure" not in node, at="measure"),
    ),
    "Task": (in_order("inv-1", "authoredOn", "lastModified", text="lastModified must not be before authoredOn."),),
    "ServiceRequest": (needs("prr-1", "orderDetail", "code", "Add the code that orderDetail belongs to."),),
    "Composition.section": (
        one_of("cmp-1", "text", "entry", "section", text="Give the section a text, entries or sections."),
        not_both("cmp-2", "entry", "emptyReason", "Give an emptyReason only to a section without entries."),
    ),
    "Consent": (one_of("ppc-1", "policy", "policyRule", text="Add a policy or a policyRule."),),
    "AuditEvent.entity": (not_both("sev-1", "name", "query", "Send a name or a query, not both."),),
    "Group": (
        rule("grp-1", "Only an actual group has members.",
             lambda node: node.get("actual") is not True, at="member", when="member"),
    ),
}  # fmt: skip
