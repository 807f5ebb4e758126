"""The security account: what a block claims, and what all blocks of a link claim together."""

import msgspec
import pytest

from qit4n.refpoints import kq1

BLOCK = kq1.SecurityAccount(
    protocol="one-decoy BB84",
    proof="some paper",
    concentration="some bound",
    reconciliation="Cascade",
    abort_rules=("too many errors",),
    epsilon_secrecy=1e-9,
    epsilon_correctness=1e-15,
    epsilon_authentication=3e-25,
    authentication="some tag",
    pulses=10**9,
    duration_s=0.5,
    sifted_bits=100_000,
    test_bits=20_000,
    errors_key_basis=1500,
    errors_test_basis=310,
    leaked_bits=12_000,
    replies_bits=12_001,
    verification_bits=128,
    phase_error_bound=0.05,
    single_photon_bound=60_000.0,
    key_bits=30_000,
    authentication_bits=512,
)


def test_epsilons_and_bits_of_blocks_add():
    """Composability: the sum over a thousand blocks is a thousand times that of one."""
    total = kq1.LinkAccount()
    for _ in range(1000):
        total = total.plus(BLOCK)
    assert total.blocks == 1000
    assert total.epsilon_secrecy == pytest.approx(1e-6)
    assert total.epsilon == pytest.approx(1000 * BLOCK.epsilon)
    assert (total.leaked_bits, total.replies_bits) == (12_000_000, 12_001_000)
    assert (total.key_bits, total.authentication_bits) == (30_000_000, 512_000)
    assert total.last == BLOCK


def test_the_epsilon_of_a_block_is_the_sum_of_its_parts():
    """Secrecy, correctness and authentication."""
    assert BLOCK.epsilon == 1e-9 + 1e-15 + 3e-25
    assert BLOCK.qber == 0.015


def test_an_account_survives_the_store():
    """Written and read again it is the same."""
    total = kq1.LinkAccount().plus(BLOCK)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(total), type=kq1.LinkAccount) == total


def test_key_of_a_device_is_counted_apart_and_given_no_epsilon():
    """The epsilons and sums stay those of what was distilled; the device's bits are in none of them."""
    device = kq1.DeviceAccount(interface="i", device="https://box", keys=2, key_bits=512, duration_s=1.0)
    distilled = kq1.LinkAccount().plus(BLOCK)
    total = distilled.plus(device).plus(device)
    assert (total.device_blocks, total.device_bits, total.last) == (2, 1024, device)
    assert (total.blocks, total.key_bits, total.epsilon) == (1, BLOCK.key_bits, BLOCK.epsilon)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(total), type=kq1.LinkAccount) == total
    assert total.plus(BLOCK).last == BLOCK
