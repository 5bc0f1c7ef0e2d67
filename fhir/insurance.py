"""The health insurance number (KVNR): letter, eight digits, check digit never change; what follows them may.

Section 290 SGB V; the check digit as GKV-Spitzenverband lays it down: the letter as two digits, weights 1 and 2, digit sums.
"""

import re
from typing import Any, Final

KVNR: Final = "http://fhir.de/sid/gkv/kvid-10"
UNCHANGEABLE: Final = 10
# A check digit that is wrong by exactly this marks a number as made up: it can't be anybody's. The demo's people have
# such numbers, and they stand for persons like real ones do.
MADE_UP: Final = 5
_FORM: Final = re.compile(r"[A-Z][0-9]{9}")


def check_digit(body: str) -> int:
    """The right check digit of a letter and eight digits."""
    digits = f"{ord(body[0]) - 64:02}{body[1:]}"
    products = (int(digit) * (1 + index % 2) for index, digit in enumerate(digits))
    return sum(product // 10 + product % 10 for product in products) % 10


def stands_for_a_person(number: str) -> bool:
    """True for a number with the right check digit, or one that is made up on purpose; never for one digit repeated."""
    if _FORM.fullmatch(number) is None or len(set(number[1:])) == 1:
        return False
    return (int(number[-1]) - check_digit(number[:-1])) % 10 in (0, MADE_UP)


def number_of(patient: dict[str, Any]) -> str | None:
    """The unchangeable part of a Patient's first KVNR; None without one, or if it is mistyped."""
    for identifier in patient.get("identifier") or ():
        if identifier.get("system") == KVNR and len(identifier.get("value") or "") >= UNCHANGEABLE:
            number = str(identifier["value"][:UNCHANGEABLE]).upper()
            return number if stands_for_a_person(number) else None
    return None
