"""Deterministic wiring: the key managers that ``node/`` runs live, under a simulated clock, network and disk.

Everything that happens in a run comes from one seed, and a seed replays byte for byte. ``python -m
qit4n.simulation --seed N --trace`` shows one; docs/reference/fault-simulation.md lists faults and invariants.
"""
