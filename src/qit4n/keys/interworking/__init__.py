"""Interworking (ITU-T Y.3810, Y.3818): keys are handed over to another network, and taken from it, exactly once."""
