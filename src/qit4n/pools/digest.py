"""The digest by which the two ends of a pool compare a slab without telling anybody what is in it.

The first :data:`SALT_BYTES` of a slab are a salt: they are never cut as key, so the head of a slab starts after
them. The digest is a commitment to the whole slab.

- *Binding* is computational: two slabs with one digest would be a collision of SHA-256.
- *Hiding* is statistical, as in Halevi and Micali, CRYPTO 1996 ("Practical and provably-secure commitment schemes
  from collision-free hashing"): for each content the 512 random bits of the salt spread over the 256 bits of the
  digest, evenly but for about 2**-128 if the compression function behaves like a random one. So the digest tells
  even an unlimited computer nothing of the rest, as long as the salt is used for nothing else.

The salt is hashed last. SHA-256 passes on 256 bits from block to block: of a salt hashed first, each later block of
key would map these onto fewer values, which ones depends on the key, and some bits of the key would show.
"""

import hashlib

SALT_BYTES = 64
LENGTH_BYTES = 4


def digest(slab: str, material: bytes) -> bytes:
    """SHA-256 over the slab's id (with its length), the bytes after the salt, then the salt: 32 bytes."""
    name, view = slab.encode(), memoryview(material)
    state = hashlib.sha256(len(name).to_bytes(LENGTH_BYTES) + name)
    state.update(view[SALT_BYTES:])
    state.update(view[:SALT_BYTES])
    return state.digest()
