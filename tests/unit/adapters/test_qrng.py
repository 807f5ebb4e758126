"""The entropy of a site: mixed with the operating system's, and closed when its device fails."""

import asyncio
import os
import threading

import pytest

from qit4n.adapters import qrng as module
from qit4n.adapters.qrng import SiteEntropy
from qit4n.errors import EntropyError
from qit4n.network.qrng import QRNG


@pytest.fixture
def entropy():
    """Makes entropies of sites and stops them."""
    made = []

    def make(qrng):
        made.append(SiteEntropy(qrng))
        return made[-1]

    yield make
    for one in made:
        one.close()


def until(condition):
    """Wait for a thread, without a limit of its own."""
    turn = threading.Event()
    while not condition():
        turn.wait(0.01)


def test_without_a_device_the_operating_system_gives_all(entropy):
    """A site without qrng reports none and draws from the operating system."""
    plain = entropy(None)
    assert plain.report() is None
    assert plain.closed == ""
    assert len(plain(40)) == len(plain.spare(40)) == 40
    assert plain(40) != plain(40)


def test_either_source_suffices(entropy, monkeypatch):
    """What is drawn is the XOR of both: known bytes of the one leave the other's, each byte once."""
    mixed = entropy(QRNG(emulate="photon-arrival"))
    until(lambda: mixed.report().state == "open" and mixed._reservoir)
    with mixed._changed:
        coming = bytes(mixed._reservoir[:64])
    monkeypatch.setattr(module, "system_entropy", bytes)
    assert mixed(32) + mixed(32) == coming
    monkeypatch.setattr(module, "system_entropy", lambda size: b"\xff" * size)
    with mixed._changed:
        coming = bytes(mixed._reservoir[:16])
    assert mixed(16) == bytes(255 - byte for byte in coming)
    assert mixed.report().used_bits == 8 * 80


def test_more_than_the_reservoir_holds_can_be_drawn(entropy):
    """A draw larger than the reservoir waits for the source."""
    assert len(entropy(QRNG(emulate="vacuum-fluctuations"))(600_000)) == 600_000


def test_a_slow_device_never_holds_up_the_event_loop(entropy, tmp_path, monkeypatch):
    """A trickle: new work is refused before it draws, threads leave the rest alone, the loop draws on it at once."""
    monkeypatch.setattr(module, "PATIENCE_S", 1.0)
    device = tmp_path / "device"
    os.mkfifo(device)
    stream = os.open(device, os.O_RDWR)
    slow = entropy(QRNG(device=str(device), min_entropy=7.0))
    until(lambda: slow._reservoir or not os.write(stream, os.urandom(4096)))
    assert "slow" in slow.lacking
    assert slow.closed == ""
    with pytest.raises(EntropyError, match="no random bytes"):
        slow.spare(16)
    with pytest.raises(EntropyError, match="too few"):
        slow(16)

    async def in_the_loop():
        return slow(16)

    assert len(asyncio.run(in_the_loop())) == 16
    os.close(stream)


def test_sealing_neither_waits_nor_stops(entropy, tmp_path):
    """Stirred by each block of the source, XORed with the operating system's; it goes on when the tap is closed."""
    device = tmp_path / "device"
    device.write_bytes(os.urandom(60_000))
    one = entropy(QRNG(device=str(device), min_entropy=7.0))
    until(lambda: one.closed)
    assert one.sealing.stirred > 0
    assert len({one.sealing(16) for _ in range(1000)}) == 1000
    assert len(one.sealing(10_000)) == 10_000
    assert entropy(None).sealing is module.system_entropy


def test_a_device_that_goes_bad_closes_the_tap(entropy, tmp_path):
    """A stuck device: draws fail, what was extracted before is gone, and the reason and the failure are reported."""
    device = tmp_path / "device"
    device.write_bytes(os.urandom(60_000) + bytes(4096) + os.urandom(60_000))
    bad = entropy(QRNG(device=str(device), min_entropy=7.0))
    until(lambda: bad.closed)
    with pytest.raises(EntropyError, match="repetition count"):
        bad(1)
    report = bad.report()
    assert (report.state, report.failures, report.emulated) == ("closed", 1, False)
    assert "repetition count" in report.detail
    assert not bad._reservoir


def test_the_end_of_a_stream_closes_the_tap_and_a_new_stream_opens_it(entropy, tmp_path, monkeypatch):
    """A device that ends, or is not there, is closed with that reason, and open again when it is back."""
    monkeypatch.setattr(module, "RETRY_S", 0.05)
    device = tmp_path / "device"
    gone = entropy(QRNG(device=str(device), min_entropy=7.0))
    until(lambda: gone.closed)
    assert "No such file" in gone.closed
    os.mkfifo(device)
    stream = os.open(device, os.O_RDWR)
    feeding = threading.Event()

    def feed():
        while not feeding.is_set():
            os.write(stream, os.urandom(4096))

    thread = threading.Thread(target=feed)
    thread.start()
    until(lambda: gone.report().state == "open")
    assert len(gone(64)) == 64
    feeding.set()
    while thread.is_alive():  # the pipe may be full: make room
        gone(1024)
        thread.join(0.01)
    os.close(stream)
