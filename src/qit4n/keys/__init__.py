"""The key management layer of ITU-T Y.3802/Y.3803: KMA (receive, store, relay) and KSA (supply)."""
