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


class ReleaseDamaged(Problem):
    """A file of the release is not what was signed."""

    status, issue = 422, "invalid"


class RegisterDamaged(Problem):
    """A line of the register can't be read."""

    status, issue = 500, "exception"
