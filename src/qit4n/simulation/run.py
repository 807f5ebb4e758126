"""One seed, one run: a network, workloads and faults, then calm, then the checks."""

import random
import traceback
from collections import Counter
from dataclasses import dataclass, field
from typing import TypeVar

from qit4n.errors import InvariantViolatedError
from qit4n.simulation import checks
from qit4n.simulation.byzantine import Byzantine
from qit4n.simulation.deliveries import Deliveries
from qit4n.simulation.faults import BY_NAME, FAULTS, restart
from qit4n.simulation.interworking import Interworking, joined
from qit4n.simulation.ledger import Ledger
from qit4n.simulation.oldcopy import NobodyRemembersError
from qit4n.simulation.part import Part, Run
from qit4n.simulation.streams import KeyStreams
from qit4n.simulation.topology import network_of, with_second_homes
from qit4n.simulation.trace import Trace
from qit4n.simulation.workloads import Applications, Blocks, Tables
from qit4n.simulation.world import World

FAULTY_S = 20.0
SETTLING_S = 12.0
MOST_FAULTS = 5
NEIGHBOUR_SHARE = 0.3

PartType = TypeVar("PartType", bound=Part)


@dataclass
class Outcome:
    """What became of a seed: ``violated`` is empty if every invariant held, ``ended_early`` if it came to its end."""

    seed: int
    trace: Trace
    faults: tuple[str, ...] = ()
    violated: str = ""
    invariant: str = ""
    where: str = ""
    ended_early: str = ""
    recovery_s: float = 0.0
    books: Counter[str] = field(default_factory=Counter)
    keys: int = 0
    fetched: int = 0
    stream_chunks: int = 0
    excused: int = 0


def simulate(seed: int, also: tuple[str, ...] = ()) -> Outcome:
    """Run one seed; ``also`` names faults to have besides those of the seed."""
    dice = random.Random(f"{seed} plan")  # noqa: S311 - replay, not secrecy
    network = with_second_homes(network_of(dice), random.Random(f"{seed} homes"))  # noqa: S311
    drawn = {*dice.sample(FAULTS, dice.randint(0, MOST_FAULTS)), *(BY_NAME[name] for name in also)}
    chosen = [kind for kind in FAULTS if kind in drawn]
    south, beside = None, random.Random(f"{seed} neighbour")  # noqa: S311 - replay, not secrecy
    if beside.random() < NEIGHBOUR_SHARE and Byzantine not in chosen:
        network, south = joined(network, beside)
    liars = frozenset({dice.choice(network.sites).id} if Byzantine in chosen else ())
    world = World(network, seed)
    ledger = Ledger(network, liars)
    run = Run(world, ledger, Deliveries(world, ledger))
    world.watchers += [ledger, run.deliveries]
    parts = (
        _part(Blocks, run, seed),
        _part(Tables, run, seed),
        _part(Applications, run, seed),
        _part(KeyStreams, run, seed),
    )
    faults: list[Part] = [_part(kind, run, seed) for kind in chosen]
    if south is not None:
        faults.append(Interworking(run, beside, south=south))
    outcome = Outcome(seed, world.trace, tuple(type(part).__name__ for part in faults))
    try:
        _play(run, parts, faults, outcome)
    except InvariantViolatedError as error:
        outcome.violated, outcome.invariant = str(error), error.invariant
        outcome.where = "".join(traceback.format_exception(error)[-6:])
        world.trace.add(world.now, "-", "VIOLATED", str(error))
    except NobodyRemembersError as error:
        outcome.ended_early = str(error)
        world.trace.add(world.now, "-", "ends here", str(error))
    outcome.keys = len(run.deliveries.keys)
    outcome.fetched = sum(len(known.fetched) for known in run.deliveries.keys.values())
    outcome.stream_chunks = parts[3].number
    outcome.excused = len(run.deliveries.excused)
    return outcome


def _part(kind: type[PartType], run: Run, seed: int) -> PartType:
    return kind(run, random.Random(f"{seed} {kind.__name__}"))  # noqa: S311 - replay, not secrecy


Parts = tuple[Blocks, Tables, Applications, KeyStreams]


def _play(run: Run, parts: Parts, faults: list[Part], outcome: Outcome) -> None:
    blocks, _, applications, streams = parts
    for part in (*parts, *faults):
        part.setup()
    run.world.run(FAULTY_S)
    applications.stop()
    streams.stop()
    for fault in faults:
        fault.stop()
    run.calm, restarts = True, bool(faults) and applications.dice.random() < 0.5  # noqa: PLR2004
    run.world.trace.add(run.world.now, "-", "calm")
    for name in run.world.sites:
        if restarts:
            run.world.sites[name].crash()
        restart(applications, name)
    outcome.recovery_s = checks.recovered(run, applications)
    checks.kept(run, applications)
    for part in (streams, *faults):
        part.recovered()
    blocks.stop()
    run.world.run(SETTLING_S)
    checks.agreed(run)
    checks.secret(run)
    outcome.books = checks.conserved(run, faultless=not faults)
