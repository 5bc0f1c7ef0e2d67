"""The one base of all errors that reach a client, and the statuses of DESIGN 9.

A subclass is named for what happened; its docstring is the message. Outside /fhir a problem leaves as RFC 9457
problem+json, under /fhir as an OperationOutcome (`fhir.outcome`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self


class Place(NamedTuple):
    """A place in a text that was sent; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is wrong: a FHIR IssueType code, a sentence that says what to do, and where it stands."""

    code: str
    text: str
    expression: tuple[str, ...] = ()
    severity: str = "error"
    place: Place | None = None


class Problem(Exception):  # noqa: N818  # subclasses are named for what happened: NotFound, SlotTaken
    """Something went wrong on our side."""

    status: ClassVar[int] = 500
    issue: ClassVar[str] = "exception"

    def __init__(
        self, text: str = "", *, issues: Sequence[Issue] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        self.text = text or (type(self).__doc__ or "").strip().splitlines()[0]
        self.issues = tuple(issues) or (Issue(self.issue, self.text),)
        self.headers = dict(headers or {})
        super().__init__(self.text)

    def kept(self) -> Self:
        """The problem without the frames it came through, which hold all that was at hand in them."""
        self.__cause__ = self.__context__ = None
        return self.with_traceback(None)

    @property
    def title(self) -> str:
        """A short name of the kind of problem, the same for every occurrence."""
        return (type(self).__doc__ or "").strip().splitlines()[0]


class BadRequest(Problem):
    """The request can't be understood."""

    status, issue = 400, "structure"


class Unauthorized(Problem):
    """No valid sign-in or token came with the request."""

    status, issue = 401, "login"


class Forbidden(Problem):
    """The token's scope or the role does not cover this."""

    status, issue = 403, "forbidden"


class NotFound(Problem):
    """There is nothing here that you may see."""

    status, issue = 404, "not-found"


class MethodNotAllowed(Problem):
    """This address does not take this method. The header Allow names those that it takes."""

    status, issue = 405, "not-supported"


class Conflict(Problem):
    """The request conflicts with the present state."""

    status, issue = 409, "conflict"


class Gone(Problem):
    """This was here and has been deleted."""

    status, issue = 410, "deleted"


class StaleVersion(Problem):
    """Somebody else changed this in the meantime. Read it again, then repeat the change."""

    status, issue = 412, "conflict"


class TooLarge(Problem):
    """The request's body is too large."""

    status, issue = 413, "too-long"


class UnsupportedMediaType(Problem):
    """The content type is not one that is read here."""

    status, issue = 415, "not-supported"


class Unprocessable(Problem):
    """The content breaks a rule."""

    status, issue = 422, "invalid"


class TooMany(Problem):
    """Too many requests. Wait a moment, then try again."""

    status, issue = 429, "throttled"


class Unavailable(Problem):
    """A part that this needs is down. Try again shortly."""

    status, issue = 503, "transient"


class DiskFull(Problem):
    """The storage is full. Nothing was changed."""

    status, issue = 507, "no-store"
