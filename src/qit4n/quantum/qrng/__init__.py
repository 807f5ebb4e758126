"""Quantum random number generators (ITU-T X.1702): entropy source, estimation, health tests, conditioning, the tap."""
