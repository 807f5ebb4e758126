"""``python -m qit4n.simulation --seed 123 --trace`` replays a seed; ``--seeds 10000`` looks for one that fails."""

import argparse
import sys

from qit4n.simulation.faults import BY_NAME
from qit4n.simulation.run import simulate
from qit4n.simulation.sweep import LAST_EVENTS, sweep, told


def main() -> int:
    """Run one seed or many; the exit code is 1 if an invariant was violated."""
    parser = argparse.ArgumentParser(prog="python -m qit4n.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="replay this seed")
    parser.add_argument("--trace", action="store_true", help="print all events of the seed")
    parser.add_argument("--seeds", type=int, default=200, help="run so many seeds (default 200)")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--jobs", type=int, default=0, help="processes (default: one per core)")
    parser.add_argument("--also", action="append", default=[], choices=sorted(BY_NAME), help="a fault more")
    options = parser.parse_args()
    if options.seed is None:
        return sweep(range(options.first, options.first + options.seeds), tuple(options.also), options.jobs)
    outcome = simulate(options.seed, tuple(options.also))
    sys.stdout.write(told(outcome, 0 if options.trace else LAST_EVENTS, tuple(options.also)) + "\n")
    return 1 if outcome.violated else 0


if __name__ == "__main__":
    sys.exit(main())
