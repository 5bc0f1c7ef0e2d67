"""The constraints of the data types. https://hl7.org/fhir/R4/datatypes.html"""

from decimal import Decimal
from typing import Final

from fhir.rules.invariants.rule import UCUM, Node, Rule, has, in_order, needs, not_both, number, one_of, rule

_VALUE: Final = ("value", "_value")
_NO_WHEN: Final = ("C", "CM", "CD", "CV")


def _extension(node: Node) -> bool:
    for key in node:
        if key.startswith(_VALUE):
            return "extension" in node
    return "extension" not in node


def _range(node: Node) -> bool:
    low, high = node.get("low"), node.get("high")
    least, most = number(low), number(high)
    if least is None or most is None or not isinstance(low, dict) or not isinstance(high, dict):
        return False
    # Values in different units can't be compared without converting them.
    same_unit = all(low.get(name) == high.get(name) for name in ("system", "code", "unit"))
    return same_unit and least > most


def _ratio(node: Node) -> bool:
    if ("numerator" in node) != ("denominator" in node):
        return True
    return "numerator" not in node and "extension" not in node


def _no_unit(node: Node) -> bool:
    return "value" in node and "code" not in node


def _age(node: Node) -> bool:
    value = number(node)
    return _no_unit(node) or node.get("system", UCUM) != UCUM or (value is not None and value <= 0)


def _count(node: Node) -> bool:
    value = number(node)
    whole = not isinstance(value, Decimal) or "." not in str(value)
    return _no_unit(node) or node.get("system", UCUM) != UCUM or node.get("code", "1") != "1" or not whole


def _length(node: Node) -> bool:
    return _no_unit(node) or node.get("system", UCUM) != UCUM


def _duration(node: Node) -> bool:
    return node.get("system") != UCUM or not {"value", "_value"} & node.keys()


def _negative(name: str) -> Rule:
    def broken(node: Node) -> bool:
        value = number(node, name)
        return value is not None and value < 0

    key = "tim-4" if name == "duration" else "tim-5"
    return rule(key, f"Send a {name} that is not negative.", broken, at=name, when=name)


def _offset(node: Node) -> bool:
    when = node.get("when")
    return not isinstance(when, list) or any(each in when for each in _NO_WHEN)


def _trigger(node: Node) -> bool:
    type = node.get("type")
    if type == "named-event":
        return "name" not in node
    if type == "periodic":
        return not has(node, "timing")
    return isinstance(type, str) and type.startswith("data-") and "data" not in node


_UNIT: Final = needs("qty-3", "code", "system", "Add the system of the unit's code.")
DATATYPES: Final[dict[str, tuple[Rule, ...]]] = {
    "Extension": (rule("ext-1", "Give an extension either a value[x] or extensions, and not both.", _extension),),
    "Period": (in_order("per-1", "start", "end", text="The end must not be before the start."),),
    "Range": (rule("rng-2", "The high value must not be below the low one.", _range, at="high", when="high"),),
    "Ratio": (rule("rat-1", "Send a numerator and a denominator, or neither and an extension.", _ratio),),
    "Quantity": (_UNIT,),
    "SimpleQuantity": (_UNIT,),
    "Age": (_UNIT, rule("age-1", "An age is above 0 and has a UCUM unit of time.", _age)),
    "Count": (_UNIT, rule("cnt-3", "A count is a whole number with the UCUM unit 1.", _count)),
    "Distance": (_UNIT, rule("dis-1", "A distance has a UCUM unit of length.", _length)),
    "Duration": (
        _UNIT,
        rule("drt-1", "A duration with a code has a value and a UCUM unit of time.", _duration, when="code"),
    ),
    "ContactPoint": (needs("cpt-2", "value", "system", "Add the system: phone, email, ..."),),
    "Attachment": (needs("att-1", "data", "contentType", "Add the contentType of the data."),),
    "Expression": (one_of("exp-1", "expression", "reference", text="Add an expression or a reference."),),
    "DataRequirement.codeFilter": (
        rule("drq-1", "Send a path or a searchParam.", lambda node: ("path" in node) == ("searchParam" in node)),
    ),
    "DataRequirement.dateFilter": (
        rule("drq-2", "Send a path or a searchParam.", lambda node: ("path" in node) == ("searchParam" in node)),
    ),
    "Timing.repeat": (
        needs("tim-1", "duration", "durationUnit", "Add the unit of the duration."),
        needs("tim-2", "period", "periodUnit", "Add the unit of the period."),
        _negative("duration"),
        _negative("period"),
        needs("tim-6", "periodMax", "period", "Add the period that periodMax belongs to."),
        needs("tim-7", "durationMax", "duration", "Add the duration that durationMax belongs to."),
        needs("tim-8", "countMax", "count", "Add the count that countMax belongs to."),
        rule("tim-9", "An offset needs a when that is not C, CM, CD or CV.", _offset, at="offset", when="offset"),
        not_both("tim-10", "timeOfDay", "when", "Send a timeOfDay or a when, not both."),
    ),
    "TriggerDefinition": (
        rule("trd-1", "Send a timing or data, not both.", lambda node: has(node, "timing"), when="data"),
        needs("trd-2", "condition", "data", "A condition needs data."),
        rule("trd-3", "Add what this type of trigger needs: a name, a timing or data.", _trigger),
    ),
}
