"""What can go wrong between the record and a published release."""

from infra.problems import Conflict, Problem, Unprocessable


class DefinitionInvalid(Unprocessable):
    """The definition of the data set breaks a rule."""


class HierarchyInvalid(Unprocessable):
    """The hierarchy of a dimension has a hole, a node with two parents or a level that does not exist."""


class InputInvalid(Unprocessable):
    """The rows can't be turned into statistics."""


class ReleaseRefused(Problem):
    """The release may not be published."""

    status, issue = 422, "business-rule"


class TooFewPersons(ReleaseRefused):
    """The cohort holds fewer persons than one block needs."""


class PeriodFrozen(Conflict):
    """This period is already published, with other content. What is published stays as it is."""


class PeriodNotOver(Unprocessable):
    """This period is not over yet. Its numbers would change after they were published."""


class ReleaseDamaged(Problem):
    """A file of the release is not what was signed."""

    status, issue = 422, "invalid"


class RegisterDamaged(Problem):
    """A line of the register can't be read."""

    status, issue = 500, "exception"


class ReleaseWithdrawn(Conflict):
    """This release was withdrawn. It counts as published for ever, so nothing takes its place."""


class DraftMissing(Problem):
    """There is no such draft."""

    status, issue = 404, "not-found"


class ReportMissing(Problem):
    """There is no inner report of this release."""

    status, issue = 404, "not-found"


class ApprovalRefused(Conflict):
    """This approval does not count."""


class OwnDraft(ApprovalRefused):
    """Who built a release does not approve it. Somebody else has to."""


class ApprovedAlready(ApprovalRefused):
    """You have approved this already. Somebody else has to, too."""


class ApprovalsMissing(ApprovalRefused):
    """Not enough people have approved exactly this draft. An approval lapses when the draft changes."""


class DraftChanged(Conflict):
    """The draft changed since you looked at it. Look again."""


class DraftAltered(Conflict):
    """A file of the draft was changed after the audit. Build it again."""


class TwoBuilders(Conflict):
    """Somebody else built this draft at the same time. Look at theirs; to replace it, build again."""


class ClockBehind(Conflict):
    """The clock stands before what was decided last. Set it right."""


class AuditStale(Conflict):
    """Something else was published since this was audited. Build it again: the audit has to meet that, too."""
