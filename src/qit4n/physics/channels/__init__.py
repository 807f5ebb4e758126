"""Channels: what lies between transmitter and receiver, as losses in dB and noise photons. Arrays in, arrays out."""
