"""What was taken back that a reader of a release may have compared it with: from the register, in classes.

A period is never revised: a release that turned out wrong is withdrawn, and nothing else gets its name. So the revisions
that a table carries are withdrawals, of other periods of the data set and of other data sets about the same persons, up to
the day it was issued. What came later stands in the register and on the data set's page.
"""

from collections.abc import Collection, Iterable

from anonymise.about import Revision
from anonymise.register_lines import WITHDRAWN, Decision


def revisions_of(
    slug: str, *, beside: Collection[tuple[str, str]], decided: Iterable[Decision]
) -> tuple[Revision, ...]:
    """The withdrawals that concern a data set, as they were decided; `beside` are data set and release of what is about the
    same persons."""
    return tuple(
        Revision(one.moment[:10], one.dataset, one.release, one.outcome, one.cause or "other")
        for one in decided
        if one.outcome == WITHDRAWN and (one.dataset == slug or (one.dataset, one.release) in beside)
    )
