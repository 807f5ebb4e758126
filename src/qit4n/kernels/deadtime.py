"""Dead time and afterpulses of gated detectors that are dead together: which clicks are left."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qit4n.kernels.sampling import Dice


@dataclass(frozen=True, kw_only=True)
class Live:
    """State between segments: the first live gate, and whether an afterpulse is released in it."""

    gate: int = 0
    afterpulse: bool = False


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """Clicks that are left: their gates, the index of the candidate (-1: none), and whether an afterpulse fired."""

    gates: NDArray[np.int64]
    candidates: NDArray[np.int64]
    afterpulses: NDArray[np.bool_]
    live: Live


def accept(
    gates: NDArray[np.int64], end: int, dead_gates: int, afterpulse_probability: float, live: Live, dice: Dice
) -> Accepted:
    """Filter the candidate clicks of one segment, which lie at ascending ``gates`` below ``end``.

    After each click ``dead_gates`` gates are lost; with ``afterpulse_probability`` the first live gate after them
    clicks by itself. The work is one step per accepted click.
    """
    if dead_gates == 0 and afterpulse_probability == 0.0:
        first = int(np.searchsorted(gates, live.gate))
        kept = np.arange(first, gates.size)
        return Accepted(gates=gates[first:], candidates=kept, afterpulses=np.zeros(kept.size, np.bool_), live=live)
    places = gates.tolist()
    following = np.searchsorted(gates, gates + dead_gates + 1).tolist()
    flags: Iterator[bool] = iter(())
    found: list[int] = []
    chosen: list[int] = []
    fired: list[bool] = []
    gate, pending = live.gate, live.afterpulse
    index, count = int(np.searchsorted(gates, gate)), len(places)
    while True:
        if pending:
            if gate >= end:
                break
            both = index < count and places[index] == gate
            click, candidate = gate, index if both else -1
        elif index < count:
            click, candidate = places[index], index
        else:
            break
        found.append(click)
        chosen.append(candidate)
        fired.append(pending)
        gate = click + dead_gates + 1
        index = following[candidate] if candidate >= 0 else _first_from(places, index, gate)
        drawn = next(flags, None)
        if drawn is None:
            flags = iter((dice.random(4096) < afterpulse_probability).tolist())
            drawn = next(flags)
        pending = drawn
    return Accepted(
        gates=np.array(found, np.int64),
        candidates=np.array(chosen, np.int64),
        afterpulses=np.array(fired, np.bool_),
        live=Live(gate=gate, afterpulse=pending),
    )


def _first_from(places: list[int], index: int, gate: int) -> int:
    """Index of the first place at or after ``gate``, searching onwards from ``index``."""
    while index < len(places) and places[index] < gate:
        index += 1
    return index
