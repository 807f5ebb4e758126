"""Kq-1: QKD module to key management agent; QKD-keys and their metadata (ITU-T Y.3802, Q.4162)."""

from qit4n.refpoints import Message, Sensitive


class SecurityAccount(Message, frozen=True, kw_only=True):
    """What is claimed of one distilled block, and from which figures; it travels with the block.

    ``epsilon_secrecy`` + ``epsilon_correctness`` + ``epsilon_authentication`` bound the distance from an
    ideal key. Counts are those that entered the finite-key length.
    """

    protocol: str
    proof: str
    epsilon_secrecy: float
    epsilon_correctness: float
    epsilon_authentication: float
    authentication: str
    pulses: int
    duration_s: float
    sifted_bits: int
    test_bits: int
    errors_key_basis: int
    errors_test_basis: int
    leaked_bits: int
    replies_bits: int
    verification_bits: int
    phase_error_bound: float
    single_photon_bound: float
    key_bits: int
    authentication_bits: int

    @property
    def qber(self) -> float:
        """Quantum bit error rate in the key basis, after error correction (exact, 0..1)."""
        return self.errors_key_basis / self.sifted_bits if self.sifted_bits else 0.0


class QKDKey(Sensitive, frozen=True, kw_only=True):
    """One distilled block, as a pair of QKD modules outputs it: the same at both ends of the link."""

    link: str
    block: int
    material: bytes
    account: SecurityAccount
