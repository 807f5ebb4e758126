"""The standards that realise a reference point: bytes to and from refpoint messages, pure functions."""
