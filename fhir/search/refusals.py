"""What is refused in a search. No message repeats a value that was searched for."""

from infra.problems import BadRequest


class TooManyParameters(BadRequest):
    """A search takes at most 30 parameters."""

    issue = "too-costly"


class Unsupported(BadRequest):
    """This search asks for something that is not supported."""  # with lenient handling it is left out instead

    issue = "not-supported"


class UnknownParameter(Unsupported):
    """This search parameter is not known for the type."""


class ModifierRefused(Unsupported):
    """This modifier is not supported for the search parameter."""


class BadValue(BadRequest):
    """The value of a search parameter can't be read."""

    issue = "value"
