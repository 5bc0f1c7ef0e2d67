"""The constraints of capability statements. https://hl7.org/fhir/R4/capabilitystatement.html"""

from typing import Final

from fhir.rules.invariants.rule import Node, Rule, one_of, parts, repeats, rule


def _endpoint(node: Node) -> bool:
    return node.get("kind") != "instance" and any("endpoint" in part for part in parts(node, "messaging"))


def _capability(node: Node) -> bool:
    return node.get("kind") == "capability" and ("implementation" in node or "software" not in node)


def _requirements(node: Node) -> bool:
    return node.get("kind") == "requirements" and ("implementation" in node or "software" in node)


CAPABILITIES: Final[dict[str, tuple[Rule, ...]]] = {
    "CapabilityStatement": (
        one_of("cpb-1", "rest", "messaging", "document", text="Add rest, messaging or document."),
        one_of("cpb-2", "description", "software", "implementation", text="Add a description, software or implementation."),
        rule("cpb-3", "Only an instance has messaging endpoints.", _endpoint, at="messaging"),
        rule("cpb-7", "Give each profile and mode of documents once.",
             lambda node: repeats((str(d.get("profile")), str(d.get("mode"))) for d in parts(node, "document")),
             at="document"),
        rule("cpb-14", "Add the implementation of this instance.",
             lambda node: node.get("kind") == "instance" and "implementation" not in node, at="implementation"),
        rule("cpb-15", "A capability has software and no implementation.", _capability),
        rule("cpb-16", "Requirements have no implementation and no software.", _requirements),
    ),
    "CapabilityStatement.rest": (
        rule("cpb-9", "Describe each resource type once.",
             lambda node: repeats(part.get("type") for part in parts(node, "resource")), at="resource"),
    ),
    "CapabilityStatement.rest.resource": (
        rule("cpb-12", "Give each search parameter once.",
             lambda node: repeats(part.get("name") for part in parts(node, "searchParam")), at="searchParam"),
    ),
}  # fmt: skip
