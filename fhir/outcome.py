"""A problem as a FHIR OperationOutcome. Under /fhir every error leaves in this form.

https://hl7.org/fhir/R4/operationoutcome.html
"""

import json
from typing import Any, Final

from starlette.responses import Response

from infra.problems import Issue, Problem

MEDIA_TYPE: Final = "application/fhir+json"
_PLACE: Final = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-"


class Telling:
    """How many issues the entries of a Bundle may still have told together: nobody reads thousands of them."""

    def __init__(self, most: int) -> None:
        self.left = most

    def told(self, problem: Problem) -> Problem:
        """The problem with as many of its issues as there is room for; with the first one in any case."""
        problem.issues = problem.issues[: self.room]
        self.left -= len(problem.issues)
        return problem

    @property
    def room(self) -> int:
        """How many issues of the next problem will be told."""
        return max(1, self.left)


class Done(Problem):
    """The request succeeded."""

    status = 200

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.issues = (Issue("informational", self.text, severity="information"),)


def response(problem: Problem) -> Response:
    """The answer to a request that failed; nothing in it varies from request to request."""
    return Response(body(problem), problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


def body(problem: Problem) -> bytes:
    """The OperationOutcome of a problem, as it is sent."""
    return json.dumps(outcome(problem), ensure_ascii=False, separators=(",", ":")).encode()


def done(text: str) -> bytes:
    """The OperationOutcome of a request that succeeded, as it is sent."""
    return body(Done(text))


def outcome(problem: Problem) -> dict[str, Any]:
    """The OperationOutcome of a problem."""
    return {"resourceType": "OperationOutcome", "issue": [_issue(issue) for issue in problem.issues]}


def _issue(issue: Issue) -> dict[str, Any]:
    entry: dict[str, Any] = {"severity": issue.severity, "code": issue.code, "diagnostics": issue.text}
    if issue.expression:
        entry["expression"] = list(issue.expression)
    if issue.place is not None:
        # The extensions of HL7's own validator; they come first, as extensions stand first in every element.
        numbers = (("line", issue.place.line), ("col", issue.place.column))
        return {"extension": [{"url": _PLACE + name, "valueInteger": number} for name, number in numbers]} | entry
    return entry
