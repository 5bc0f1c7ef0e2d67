"""The constraints of questionnaires and their answers. https://hl7.org/fhir/R4/questionnaire.html"""

from typing import Final

from fhir.rules.invariants.rule import Broken, Node, Rule, has, not_both, parts, repeats, rule

_CHOSEN: Final = ("choice", "open-choice", "decimal", "integer", "date", "dateTime", "time", "string", "quantity")
_MEASURED: Final = ("boolean", "decimal", "integer", "string", "text", "url", "open-choice")


def _same_link(node: Node) -> bool:
    links, waiting = [], [node]
    while waiting:
        items = parts(waiting.pop(), "item")
        links += [item["linkId"] for item in items if "linkId" in item]
        waiting += items
    return repeats(links)


def _nesting(node: Node) -> bool:
    return node.get("type") == ("display" if "item" in node else "group")


def _given(element: str, types: tuple[str, ...]) -> Broken:
    return lambda node: element in node and node.get("type") in types


def _display_asks(node: Node) -> bool:
    return node.get("type") == "display" and ("required" in node or "repeats" in node)


def _no_choice(node: Node) -> bool:
    return node.get("type") not in _CHOSEN and ("answerValueSet" in node or "answerOption" in node)


def _exists_without_boolean(node: Node) -> bool:
    return node.get("operator") == "exists" and has(node, "answer") and "answerBoolean" not in node


QUESTIONNAIRES: Final[dict[str, tuple[Rule, ...]]] = {
    "Questionnaire": (rule("que-2", "Give every item a linkId of its own.", _same_link, at="item"),),
    "Questionnaire.item": (
        rule("que-1", "A group has items, a display has none.", _nesting, at="item"),
        rule("que-3", "A display has no code.", _given("code", ("display",)), at="code"),
        not_both("que-4", "answerOption", "answerValueSet", "Send answerOption or answerValueSet, not both."),
        rule("que-5", "Only a choice or a simple question offers answers.", _no_choice),
        rule("que-6", "A display is not required and does not repeat.", _display_asks),
        rule("que-8", "A group or display has no initial value.", _given("initial", ("group", "display")), at="initial"),
        rule("que-9", "A display is not readOnly.", _given("readOnly", ("display",)), at="readOnly"),
        rule("que-10", "Only a simple question has a maxLength.",
             lambda node: "maxLength" in node and node.get("type") not in _MEASURED, at="maxLength"),
        not_both("que-11", "answerOption", "initial", "Mark the initial answerOption, and send no initial value."),
        # The text says more than one, the expression more than two; the expression is what is checked everywhere.
        rule("que-12", "Add enableBehavior: there are several enableWhen.",
             lambda node: len(parts(node, "enableWhen")) > 2 and "enableBehavior" not in node, at="enableBehavior"),
        rule("que-13", "Only a repeating item has several initial values.",
             lambda node: len(parts(node, "initial")) > 1 and node.get("repeats") is not True, at="initial"),
    ),
    "Questionnaire.item.enableWhen": (
        rule("que-7", "Send an answerBoolean: the operator is exists.", _exists_without_boolean),
    ),
    "QuestionnaireResponse.item": (
        not_both("qrs-1", "answer", "item", "Put the items below the answer or below the item, not both."),
    ),
}  # fmt: skip
