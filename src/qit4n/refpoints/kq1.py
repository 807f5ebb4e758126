"""Kq-1: QKD module to key management agent; QKD-keys and their metadata (ITU-T Y.3802, Q.4162)."""

from msgspec import structs

from qit4n.refpoints import Message, Sensitive


class SecurityAccount(Message, frozen=True, kw_only=True):
    """What is claimed of one distilled block, and from which figures; it travels with the block.

    ``epsilon_secrecy`` + ``epsilon_correctness`` + ``epsilon_authentication`` bound the distance from an
    ideal key (universal composability: the bounds of blocks add). Counts are those that entered the finite-key length.

    Attributes:
        proof: whose proof, with reference.
        concentration: the bound that turns counts into expectations, by name.
        reconciliation: method of error correction, and why it was chosen.
        leaked_bits: bits about the key that the reference revealed for error correction.
        replies_bits: bits that the corrector said, functions of the reference's and of the error pattern.
        abort_rules: a block is refused if one of these holds.
    """

    protocol: str
    proof: str
    concentration: str
    reconciliation: str
    abort_rules: tuple[str, ...]
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
    def epsilon(self) -> float:
        """Bound on the distance of the block from an ideal key."""
        return self.epsilon_secrecy + self.epsilon_correctness + self.epsilon_authentication

    @property
    def qber(self) -> float:
        """Quantum bit error rate in the key basis, after error correction (exact, 0..1)."""
        return self.errors_key_basis / self.sifted_bits if self.sifted_bits else 0.0


class DeviceAccount(Message, frozen=True, kw_only=True):
    """A block that came finished from a device: its security is the device's claim, and no epsilon of ours.

    Attributes:
        interface: the standard over which it came.
        device: where it came from at this end.
        keys: how many keys of the device make the block.
        duration_s: time since the block before, by the clock.
    """

    interface: str
    device: str
    keys: int
    key_bits: int
    duration_s: float


class LinkAccount(Message, frozen=True, kw_only=True):
    """What is claimed of all key of a link since its pools began: sums over its blocks, and the last block.

    The epsilons bound the blocks that were distilled here; nothing is claimed of the ``device_bits`` in
    ``device_blocks`` that came finished from a device, which are in no other sum.
    """

    blocks: int = 0
    duration_s: float = 0.0
    sifted_bits: int = 0
    leaked_bits: int = 0
    replies_bits: int = 0
    verification_bits: int = 0
    key_bits: int = 0
    authentication_bits: int = 0
    epsilon_secrecy: float = 0.0
    epsilon_correctness: float = 0.0
    epsilon_authentication: float = 0.0
    device_blocks: int = 0
    device_bits: int = 0
    errors_key_basis: int = 0
    test_bits: int = 0
    errors_test_basis: int = 0
    last: SecurityAccount | DeviceAccount | None = None

    @property
    def epsilon(self) -> float:
        """Bound on the distance of all key distilled here from ideal key."""
        return self.epsilon_secrecy + self.epsilon_correctness + self.epsilon_authentication

    def plus(self, block: SecurityAccount | DeviceAccount) -> "LinkAccount":
        """The account with one more block."""
        if isinstance(block, DeviceAccount):
            bits = self.device_bits + block.key_bits
            return structs.replace(self, device_blocks=self.device_blocks + 1, device_bits=bits, last=block)
        sums = {name: getattr(self, name) + getattr(block, name) for name in SUMS}
        return structs.replace(self, blocks=self.blocks + 1, last=block, **sums)


SUMS = tuple(name for name in LinkAccount.__struct_fields__ if name in SecurityAccount.__struct_fields__)


class QKDKey(Sensitive, frozen=True, kw_only=True):
    """One finished block, as a pair of QKD modules outputs it: the same at both ends of the link."""

    link: str
    block: int
    material: bytes
    account: SecurityAccount | DeviceAccount
