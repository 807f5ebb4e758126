"""Places for a graph of words in columns, so that no word lies upon another.

What an arrow leads to stands in a column to the right of where it comes from; an arrow over several columns passes each
of them in a lane of its own; the order in a column is that of the mean of the neighbours (Sugiyama, Tagawa and Toda,
IEEE Transactions on Systems, Man, and Cybernetics 11, 109, 1981). Circles are broken at what most arrows lead to and
fewest leave, whose own arrows then run back (Eades, Lin and Smyth, Information Processing Letters 47, 319, 1993). Both
papers are cited from memory.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

ROW, LANE, GAP, EDGE = 27.0, 9.0, 44.0, 4.0  # from word to word, for an arrow, between columns, around all: pixels
SWEEPS = 24
PULL = 0.12  # towards the middle, so that little stays empty

Arrow = tuple[str, str]
Point = tuple[float, float]


@dataclass(frozen=True)
class Lane:
    """Where an arrow passes a column."""

    arrow: Arrow
    column: int


Slot = str | Lane
Joined = Mapping[Slot, Sequence[Slot]]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """In pixels: the middle of the left end of each word, the points of each arrow, width and height of all."""

    words: dict[str, Point]
    arrows: dict[Arrow, list[Point]]
    width: float
    height: float


def layout(widths: Mapping[str, float], arrows: Sequence[Arrow]) -> Layout:
    """Places for words of these widths (pixels; at least one word) with arrows between them."""
    column_of = _columns_of(list(widths), arrows)
    lanes = {arrow: _lanes(arrow, column_of) for arrow in arrows}
    columns: list[list[Slot]] = [[] for _ in range(max(column_of.values()) + 1)]
    for word, column in column_of.items():
        columns[column].append(word)
    for lane in itertools.chain.from_iterable(lanes.values()):
        columns[lane.column].append(lane)
    left, right = _neighbours(lanes, column_of)
    _order(columns, left, right)
    heights = _heights(columns, left, right)
    spans = _spans(columns, widths)

    def at(word: str, *, right_end: bool) -> list[Point]:
        """Where an arrow leaves a word: at its left, or at its right end and level until the column ends."""
        start, end = spans[column_of[word]]
        y = heights[word]
        return [(start + widths[word], y), (end, y)] if right_end else [(start, y)]

    def way(arrow: Arrow) -> list[Point]:
        first, last = arrow
        if column_of[first] == column_of[last]:  # it runs back: around the ends of the words between
            x = spans[column_of[first]][1] + GAP / 3
            beside = (x, (heights[first] + heights[last]) / 2)
            return [*at(first, right_end=True), beside, *at(last, right_end=True)[::-1]]
        is_forward = column_of[first] < column_of[last]
        points = at(first, right_end=is_forward)
        for lane in lanes[arrow]:
            span = spans[lane.column]
            points += [(x, heights[lane]) for x in (span if is_forward else span[::-1])]
        return points + at(last, right_end=not is_forward)[::-1]

    ways = {arrow: way(arrow) for arrow in arrows}
    return Layout(
        words={word: (spans[column][0], heights[word]) for word, column in column_of.items()},
        arrows=ways,
        width=max(spans[-1][1], *(x for points in ways.values() for x, _ in points), 0.0) + EDGE,
        height=max(heights.values()) + ROW / 2 + EDGE,
    )


def _columns_of(words: Sequence[str], arrows: Sequence[Arrow]) -> dict[str, int]:
    """The column of each word, from the left: as far to the right as what it leads to allows."""
    place = {word: number for number, word in enumerate(_sequence(words, arrows))}
    level = dict.fromkeys(place, 0)  # columns from the right
    for word in reversed(place):
        after = [end for start, end in arrows if start == word and place[end] > place[word]]
        level[word] = max((level[end] + 1 for end in after), default=0)
    return {word: max(level.values()) - level[word] for word in words}


def _sequence(words: Sequence[str], arrows: Sequence[Arrow]) -> list[str]:
    """All words in an order in which few arrows run back."""
    left, tail = dict.fromkeys(words), list[str]()
    while left:
        out = {word: sum(start == word and end in left for start, end in arrows) for word in left}
        into = {word: sum(end == word and start in left for start, end in arrows) for word in left}
        last = min(left, key=lambda word: (out[word] > 0, out[word] - into[word], word))
        tail.append(last)
        del left[last]
    return tail[::-1]


def _lanes(arrow: Arrow, column_of: Mapping[str, int]) -> list[Lane]:
    """Where an arrow passes the columns between its ends, in its own direction."""
    start, end = (column_of[word] for word in arrow)
    between = range(start + 1, end) if start < end else range(start - 1, end, -1)
    return [Lane(arrow, column) for column in between]


def _neighbours(lanes: Mapping[Arrow, Sequence[Lane]], column_of: Mapping[str, int]) -> tuple[Joined, Joined]:
    """What each word and lane is joined to in the column to the left and in that to the right."""
    left: dict[Slot, list[Slot]] = defaultdict(list)
    right: dict[Slot, list[Slot]] = defaultdict(list)
    for (first, last), passed in lanes.items():
        if column_of[first] == column_of[last]:
            continue
        chain: list[Slot] = [first, *passed, last]
        for one, other in itertools.pairwise(chain if column_of[first] < column_of[last] else chain[::-1]):
            right[one].append(other)
            left[other].append(one)
    return left, right


def _order(columns: list[list[Slot]], left: Joined, right: Joined) -> None:
    """Order each column by the mean place of the neighbours, from the left and from the right in turn."""
    best, fewest = [list(column) for column in columns], _crossings(columns, right)
    for sweep in range(SWEEPS):
        towards = left if sweep % 2 == 0 else right
        place = {slot: at for column in columns for slot, at in _shares(column)}
        for column in columns if sweep % 2 == 0 else columns[::-1]:
            means = {slot: _mean([place[one] for one in towards.get(slot, ())], place[slot]) for slot in column}
            column.sort(key=means.__getitem__)
            place |= dict(_shares(column))
        crossings = _crossings(columns, right)
        if crossings < fewest:
            best, fewest = [list(column) for column in columns], crossings
    columns[:] = best


def _shares(column: Sequence[Slot]) -> Iterable[tuple[Slot, float]]:
    return ((slot, number / len(column)) for number, slot in enumerate(column))


def _crossings(columns: Sequence[Sequence[Slot]], right: Joined) -> int:
    """How many arrows cross between neighbouring columns."""
    count = 0
    for here, there in itertools.pairwise(columns):
        place = {slot: number for number, slot in enumerate(there)}
        ends = [(number, place[one]) for number, slot in enumerate(here) for one in right.get(slot, ())]
        count += sum((a[0] - b[0]) * (a[1] - b[1]) < 0 for a, b in itertools.combinations(ends, 2))
    return count


def _heights(columns: Sequence[Sequence[Slot]], left: Joined, right: Joined) -> dict[Slot, float]:
    """The height of everything: as near to the mean of the neighbours as the words above and below allow."""
    height: dict[Slot, float] = {}
    for column in columns:
        places = _apart(column, [0.0] * len(column))
        height |= {slot: y - places[-1] / 2 for slot, y in zip(column, places, strict=True)}
    for sweep in range(SWEEPS):
        for column in columns if sweep % 2 == 0 else columns[::-1]:
            around = {slot: [height[one] for one in (*left.get(slot, ()), *right.get(slot, ()))] for slot in column}
            wanted = [(1 - PULL) * _mean(around[slot], height[slot]) for slot in column]
            down = _apart(column, wanted)
            up = [-y for y in reversed(_apart(column[::-1], [-y for y in reversed(wanted)]))]
            height |= {slot: (a + b) / 2 for slot, a, b in zip(column, down, up, strict=True)}
    top = min(height.values())
    return {slot: y - top + ROW / 2 + EDGE for slot, y in height.items()}


def _apart(column: Sequence[Slot], wanted: Sequence[float]) -> list[float]:
    """Heights that are no less than wanted, each far enough from the one before."""
    found: list[float] = []
    for number, slot in enumerate(column):
        least = found[-1] + (_space(column[number - 1]) + _space(slot)) / 2 if number else wanted[0]
        found.append(max(wanted[number], least))
    return found


def _space(slot: Slot) -> float:
    return LANE if isinstance(slot, Lane) else ROW


def _spans(columns: Sequence[Sequence[Slot]], widths: Mapping[str, float]) -> list[tuple[float, float]]:
    """Where each column starts and ends."""
    found: list[tuple[float, float]] = []
    for column in columns:
        start = found[-1][1] + GAP if found else EDGE
        found.append((start, start + max(widths[slot] for slot in column if isinstance(slot, str))))
    return found


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
