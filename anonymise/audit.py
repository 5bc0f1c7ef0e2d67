"""Whether a release may join those that are out: the screen, the meet, and the attacks, none of which the builder can override.

Screen: the files say what the persons say, by blocks of at least k. Frozen: what is said of a period is said of the same
persons. Meet: the blocks of all releases about overlapping cohorts cut each other into atoms of at least k; that is a
proof. Attack: reads the folders that are out and the draft, for what the meet does not clear and for parts and wholes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from anonymise.attack.folder import Folder, folder_of, read_folder
from anonymise.attack.presence import Population
from anonymise.attack.run import Attack, attack
from anonymise.ledger import Entry
from anonymise.manifest_names import MANIFEST
from anonymise.meet import ABSENT, Standing, meet
from anonymise.problems import ReleaseRefused
from anonymise.progress import Progress, no_progress
from anonymise.rule import Rule
from anonymise.screen import Screened


@dataclass(frozen=True, slots=True)
class Together:
    """What the ledger says about a release and those that it overlaps.

    `cleared` if the meet of all of them is a proof by itself; `met` are their names, `refusals` what forbids publication.
    """

    met: tuple[str, ...]
    cleared: bool
    refusals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Audit:
    """The verdict of all audits. Reasons that name a place are for those who approve, never for the public."""

    screened: Screened
    together: Together
    attack: Attack

    @property
    def refusals(self) -> tuple[str, ...]:
        """What forbids publication, in words; empty if nothing does."""
        found = tuple(f"{finding.kind}: {finding}." for finding in self.attack.findings)
        return (*self.screened.findings, *self.together.refusals, *found)

    def require(self) -> None:
        """Nothing; raises if the release may not be published."""
        if self.refusals:
            raise ReleaseRefused("Refused by the audits: " + " ".join(self.refusals[:SHOWN]) + more(len(self.refusals)))


SHOWN = 10
"""Reasons that a refusal names; the inner report has all."""


def more(number: int) -> str:
    """How many reasons are not named."""
    return f" And {number - SHOWN} more." if number > SHOWN else ""


def together(entry: Entry, own: Standing, others: Sequence[tuple[Entry, Standing]], *, rule: Rule) -> Together:
    """What a release and all that it overlaps tell together by their blocks.

    A release about the same cohort and period must be about the same persons (frozen), cut alike or so that every part
    still holds k. So must cohorts of other names be that share persons in one period, or of which one holds all of the
    other: what the two tell together is known to the ledger alone. Of cohorts whose period lies inside another's a meet
    that does not clear is left to the attack.
    """
    refusals = []
    same = [standing for other, standing in others if entry.same_cohort(other)]
    for standing in same:
        if not _same_persons(own, standing):
            refusals.append(
                f"Together with {standing.name}, which is out: it is about other persons. What is said of a period is "
                "said of the persons of its first release; who withdrew leaves from the next period on, and a data set that "
                "is declared later begins with it, unless there is a file of the same persons."
            )
    small = meet([own, *same]).small(rule.k) if same else 0
    if small:
        names = ", ".join(standing.name for standing in same)
        refusals.append(
            f"Together with {names}, a difference of rows holds fewer than {rule.k} persons ({small} times)."
        )
    refusals += _refused_beside_others(entry, own, others, rule=rule)
    every = [standing for _, standing in others]
    # Persons at a clinic and persons stand in the ledger as different ones: a meet of both proves nothing.
    comparable = all(other.unit == entry.unit for other, _ in others)
    cleared = not refusals and comparable and meet([own, *every]).small(rule.k) == 0
    return Together(tuple(standing.name for standing in every), cleared, tuple(refusals))


def _refused_beside_others(
    entry: Entry, own: Standing, others: Sequence[tuple[Entry, Standing]], *, rule: Rule
) -> Iterator[str]:
    """Why a release may not stand beside cohorts of other names."""
    near = [
        standing
        for other, standing in others
        if other.unit == entry.unit and not entry.same_cohort(other) and _joined(entry, own, other, standing)
    ]
    small = meet([own, *near]).small(rule.k) if near else 0
    if small:
        names = ", ".join(standing.name for standing in near)
        yield (
            f"Together with {names}, which counts some of the same persons under the name of another cohort, a difference of "
            f"rows holds fewer than {rule.k} persons ({small} times). Build it as a data set of the same cohort, which "
            "stands on the same blocks, or of persons who are in no other cohort of this period."
        )


def _joined(entry: Entry, own: Standing, other: Entry, standing: Standing) -> bool:
    """Whether two cohorts share persons in one period, or in periods of which neither lies inside the other though one holds
    all persons of the other."""
    shared = _shared(own, standing)
    if (entry.start, entry.end) == (other.start, other.end):
        return shared > 0
    inside = (entry.start <= other.start and other.end <= entry.end) or (
        other.start <= entry.start and entry.end <= other.end
    )
    return not inside and 0 < shared == min(int((each.blocks != ABSENT).sum()) for each in (own, standing))


def _shared(one: Standing, other: Standing) -> int:
    """How many persons stand in both."""
    length = min(len(one.blocks), len(other.blocks))
    return int(((one.blocks[:length] != ABSENT) & (other.blocks[:length] != ABSENT)).sum())


def of_other_places(entry: Entry, files: Mapping[str, bytes], beside: "Beside") -> tuple[str, ...]:
    """Why a draft may not stand beside cohorts of other names that share persons in periods inside each other's: no attack
    can join two geographies (or bands) of which the releases do not say how they overlap."""
    draft = folder_of(files, Path("draft"))
    near = [
        other
        for other, standing in beside.others
        if other.unit == entry.unit and (other.start, other.end) != (entry.start, entry.end)
        and other.cohort != entry.cohort and _shared(beside.own, standing)
    ]  # fmt: skip
    places = [place / other.slug / other.release for other in near for place in beside.folders]
    found = [read_folder(place) for place in places if (place / MANIFEST).is_file()]
    return tuple(
        f"Together with {other.name}, which counts some of the same persons by other places or bands: how the two overlap "
        "follows from neither, so nobody can judge what both tell. Use the same dimensions, or build it as a data set of the "
        "same cohort."
        for other in found
        if not _comparable(draft, other)
    )


def _comparable(one: Folder, other: Folder) -> bool:
    """Whether the dimensions of one are all among those of the other, and those of one name have values in common."""
    mine, its = ({d.name: set(d.values) for d in folder.identifying} for folder in (one, other))
    return (mine.keys() <= its.keys() or its.keys() <= mine.keys()) and all(
        mine[name] & its[name] for name in mine.keys() & its.keys()
    )


def _same_persons(one: Standing, other: Standing) -> bool:
    shorter, longer = sorted((one.blocks, other.blocks), key=len)
    common = longer[: len(shorter)]
    rest = longer[len(shorter) :]
    return bool(((shorter == ABSENT) == (common == ABSENT)).all() and (rest == ABSENT).all())


@dataclass(frozen=True, slots=True)
class Beside:
    """What a draft has to stand beside: its own blocks, those of all it overlaps, the folders in which every release lies
    that was ever out, and the files of drafts that are built together with it, by data set."""

    own: Standing
    others: Sequence[tuple[Entry, Standing]]
    folders: Sequence[Path]
    drafts: Mapping[str, Mapping[str, bytes]]


def attacked(
    files: Mapping[str, bytes],
    beside: Beside,
    *,
    population: tuple[str, Population] | None = None,
    progress: Progress = no_progress,
) -> Attack:
    """The attack on a draft together with everything that was ever out; only what involves the draft counts against it."""
    draft = folder_of(files, Path("draft"))
    siblings = [folder_of(content, Path(slug)) for slug, content in beside.drafts.items()]
    known = [folder for place in beside.folders for folder in published(place)]
    own = {draft.name, *(sibling.name for sibling in siblings)}
    out = [*(folder for folder in known if folder.name not in own), *siblings]
    related = [*(one for one in out if _related(draft, one)), draft]
    settled = {standing.name for _, standing in beside.others}
    found = attack(related, population=population, settled=settled, progress=progress)
    involved = tuple(finding for finding in found.findings if draft.name in finding.releases)
    return Attack(found.releases, involved, found.columns, found.programmes)


def published(releases_dir: Path) -> list[Folder]:
    """The releases that are out."""
    manifests = sorted(releases_dir.glob(f"*/*/{MANIFEST}"))
    return [read_folder(path.parent) for path in manifests if (path.parent / "about.json").is_file()]


def _related(draft: Folder, other: Folder) -> bool:
    """Whether two releases can tell something together: overlapping periods, or the same telling dimension."""
    overlap = draft.first <= other.last and other.first <= draft.last
    alike = draft.telling is not None and other.telling is not None and draft.telling.name == other.telling.name
    return overlap or alike
