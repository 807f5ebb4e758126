"""Emulated QKD modules: the laser, the fibre, the detectors, and on request an eavesdropper."""
