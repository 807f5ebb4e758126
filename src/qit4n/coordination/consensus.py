"""Who can live with which option: derived from statements, never entered.

The stance of a delegation on an option is its latest statement that supports, opposes or sets a condition; questions
and neutral remarks do not change it, so that a change of mind shows and an aside does not. Consensus is the absence of
sustained objection, not a majority (ITU-T Rec. A.1; the record's own rule).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from qit4n.coordination.tables import Stance, Statement

WEIGHTY: tuple[Stance, ...] = ("support", "oppose", "conditional")
NO_OPTION = "none"


@dataclass(frozen=True, kw_only=True)
class Option:
    """How an option stands; each delegation with the statement that decides."""

    name: str
    support: tuple[Statement, ...]
    conditional: tuple[Statement, ...]
    oppose: tuple[Statement, ...]

    @property
    def is_free_of_objection(self) -> bool:
        """Whether nobody's last word is against it."""
        return not self.oppose


@dataclass(frozen=True, kw_only=True)
class ChangeOfMind:
    """Two statements of one delegation: it came to prefer another option, or took back what it had said of one."""

    earlier: Statement
    later: Statement


def options(statements: Iterable[Statement]) -> tuple[Option, ...]:
    """Every option that was named, the least opposed first, then the most supported."""
    last: dict[tuple[str, str], Statement] = {}
    for one in _weighty(statements):
        last[one.option, one.delegation] = one
    by_option: dict[str, list[Statement]] = defaultdict(list)
    for (option, _), one in last.items():
        by_option[option].append(one)
    found = [
        Option(name=name, **{stance: tuple(one for one in said if one.stance == stance) for stance in WEIGHTY})
        for name, said in by_option.items()
    ]
    return tuple(sorted(found, key=lambda option: (len(option.oppose), -len(option.support), option.name)))


def preferences(statements: Iterable[Statement]) -> dict[str, Statement]:
    """What each delegation spoke for last; of several options in one utterance the one without a condition."""
    found = {}
    for utterance in _utterances(statements):
        spoken = [one for one in utterance if one.stance != "oppose"]
        if spoken:
            found[spoken[0].delegation] = next((one for one in spoken if one.stance == "support"), spoken[0])
    return found


def changes(statements: Iterable[Statement]) -> tuple[ChangeOfMind, ...]:
    """Where a delegation came to prefer another option, or took back what it had said of one.

    What stands in one line of the record is one utterance: options named side by side in it are no change of mind.
    """
    preferred: dict[str, tuple[Statement, ...]] = {}
    last: dict[tuple[str, str], Statement] = {}
    found = []
    for utterance in _utterances(statements):
        delegation = utterance[0].delegation
        spoken = tuple(one for one in utterance if one.stance != "oppose")
        before = preferred.get(delegation, ())
        if spoken and before and not {one.option for one in spoken} & {one.option for one in before}:
            found.append(ChangeOfMind(earlier=before[0], later=spoken[0]))
        for one in utterance:
            said = last.get((one.option, delegation))
            if said is not None and (said.stance == "oppose") != (one.stance == "oppose"):
                found.append(ChangeOfMind(earlier=said, later=one))
        last |= {(one.option, delegation): one for one in utterance}
        if spoken:
            preferred[delegation] = tuple(sorted(spoken, key=lambda one: one.stance != "support"))
    return tuple(found)


def bridges(statements: Iterable[Statement]) -> tuple[tuple[Option, int], ...]:
    """Options with the number of delegations that prefer another one but did not oppose this, most first.

    Such a delegation might be won over: it spoke for something else, and not against this.
    """
    said = list(statements)
    found = options(said)
    speakers = {one.delegation for option in found for one in (*option.support, *option.conditional, *option.oppose)}
    return tuple(
        sorted(
            (
                (option, len(speakers - {one.delegation for one in (*option.support, *option.oppose)}))
                for option in found
            ),
            key=lambda pair: (len(pair[0].oppose), -pair[1]),
        )
    )


def disputes(statements: Iterable[Statement]) -> tuple[tuple[Statement, Statement], ...]:
    """Sentences of which the record keeps two versions: both, the first that was recorded first."""
    said = {one.id: one for one in statements}
    return tuple((said[one.version_of], one) for one in said.values() if one.version_of in said)


def _utterances(statements: Iterable[Statement]) -> Iterator[tuple[Statement, ...]]:
    """What one delegation said in one line of the record, in the order of the record."""
    by_line: dict[tuple[str, int], list[Statement]] = defaultdict(list)
    for one in _weighty(statements):
        by_line[one.delegation, one.record_line].append(one)
    return (tuple(said) for said in by_line.values())


def _weighty(statements: Iterable[Statement]) -> Iterable[Statement]:
    return (one for one in statements if one.stance in WEIGHTY and one.option != NO_OPTION)
