"""Quantum networks in software: one network file, planned, simulated, run, assessed and evolved."""
