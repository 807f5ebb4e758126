"""The generator for what may never wait: each of its sources counts, and none of its past can be computed."""

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from qit4n.adapters import stirred
from qit4n.adapters.stirred import StirredEntropy


def test_it_is_aes_in_counter_mode_with_key_erasure(monkeypatch):
    """With zeros of the operating system: AES-256-CTR under the key, after the 32 bytes of the next key."""
    monkeypatch.setattr(stirred, "system_entropy", bytes)
    one = StirredEntropy()
    stream = Cipher(algorithms.AES(bytes(32)), modes.CTR(bytes(16))).encryptor().update(bytes(4096))
    assert one(100) + one(12) == stream[32:144]
    assert one._key == stream[:32]


def test_the_operating_system_is_mixed_in(monkeypatch):
    """Two generators of the same key differ by what the operating system gives."""
    monkeypatch.setattr(stirred, "system_entropy", bytes)
    one, other = StirredEntropy(), StirredEntropy()
    plain = one(16)
    monkeypatch.setattr(stirred, "system_entropy", lambda size: b"\xff" * size)
    assert other(16) == bytes(255 - byte for byte in plain)


def test_stirring_changes_all_that_follows(monkeypatch):
    """What was in store is thrown away; the same bytes stirred into different keys stay different."""
    monkeypatch.setattr(stirred, "system_entropy", bytes)
    one, other = StirredEntropy(), StirredEntropy()
    one.stir(b"a" * 32)
    assert one(16) != other(16)
    other.stir(b"a" * 32)  # its key has moved on meanwhile
    assert one(16) != other(16)
    assert (one.stirred, other.stirred) == (1, 1)
