"""What can be wrong with a patch."""

from infra.problems import BadRequest, Unprocessable


class BadPatch(BadRequest):
    """The patch can't be read."""


class PatchFailed(Unprocessable):
    """An operation of the patch can't be applied to the resource as it is."""

    issue = "processing"


class TestFailed(PatchFailed):
    """A test of the patch fails: the resource has another value there. Nothing was changed."""

    __test__ = False  # the tests' collector takes it for a test otherwise


class Fixed(PatchFailed):
    """A patch can't change resourceType, id, meta.versionId or meta.lastUpdated."""

    issue = "business-rule"


class PatchTooCostly(PatchFailed):
    """The patch looks at too many places of the resource. Make it shorter, or send the resource by an update."""

    issue = "too-costly"
