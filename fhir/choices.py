"""What the standard leaves to the server and the operator decides (TELEMED_* in infra/README.md)."""

from dataclasses import dataclass
from enum import StrEnum


class ConditionalDelete(StrEnum):
    """What a conditional delete does if several resources match: refuse, or delete them all."""

    SINGLE = "single"
    MULTIPLE = "multiple"


class Dangling(StrEnum):
    """What becomes of a reference to a resource that is not there."""

    ACCEPT = "accept"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Choices:
    """The choices of one server, as the interactions see them."""

    update_creates: bool = False
    conditional_delete: ConditionalDelete = ConditionalDelete.SINGLE
    dangling: Dangling = Dangling.ACCEPT
