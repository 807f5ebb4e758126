"""The two ends of a link with devices, over a channel in memory, with a device that can be broken."""

import asyncio
import contextlib
import hashlib
import itertools
from types import SimpleNamespace

import msgspec
import pytest

from qit4n.errors import CertificateError, KeyRequestError, PeerUnreachableError
from qit4n.network.model import Link, Medium, Network, Policies, Site
from qit4n.node import devicemaster, devices, deviceslave
from qit4n.node.devicemaster import DeviceMaster
from qit4n.node.deviceslave import DeviceSlave
from qit4n.quantum import keyids
from qit4n.refpoints import kq2
from qit4n.service.client import SharedKey

LINK = Link(id="ab", ends=("a", "b"), medium=Medium(length_km=1, loss_db=1), module="box")
NETWORK = Network(
    qit4n=1, name="n", sites=(Site(id="a"), Site(id="b")), links=(LINK,), policies=Policies(link_stock_bits=65_536)
)


class Boxes:
    """A pair of devices: what was drawn at one can be fetched once at the other. ``broken`` says what raises where."""

    interface, address = "a standard", "https://box"

    def __init__(self):
        self.broken, self.drawn, self.log, self.fetched, self._numbers = {}, {}, [], [], itertools.count()
        self.value = lambda number: hashlib.sha256(str(number).encode()).digest()

    def _maybe(self, what):
        self.log.append(what)
        if self.broken.get(what):
            raise self.broken[what]

    def fresh(self, most_bits):
        self._maybe("fresh")
        keys = [SharedKey(f"id{n}", self.value(n)) for n in itertools.islice(self._numbers, max(1, most_bits // 256))]
        self.drawn |= {key.key_id: key for key in keys}
        return keys

    def same(self, ids):
        self.fetched += ids
        self._maybe("same")
        if any(key_id not in self.drawn for key_id in ids):
            raise KeyRequestError(400, "one or more keys specified are not found on KME")
        return [self.drawn.pop(key_id) for key_id in ids]

    def probe(self):
        self._maybe("probe")

    def probe_far(self):
        self._maybe("probe far")


class Channel:
    """One end of a connection in memory."""

    def __init__(self, out, into):
        self.out, self.into, self.finished, self.sent = out, into, asyncio.Event(), []

    def retype(self, _types):
        return self

    async def send(self, message):
        self.sent.append(message)
        self.out.put_nowait(message)

    async def receive(self):
        message = await self.into.get()
        if message is None:
            raise EOFError
        return message

    async def close(self):
        self.finished.set()
        self.out.put_nowait(None)


class Ends:
    """Both drivers, at work."""

    def __init__(self):
        self.boxes, self.blocks, self.channels = Boxes(), {"a": [], "b": []}, []

        def keep(site):
            async def deliver(key, _extra):
                self.blocks[site].append(key)

            return deliver

        self.master = DeviceMaster(NETWORK, LINK, self.boxes, keep("a"), "a", None)
        far = SimpleNamespace(
            interface=Boxes.interface, address=Boxes.address, same=self.boxes.same, probe=self.boxes.probe_far
        )
        self.slave = DeviceSlave(NETWORK, LINK, far, keep("b"), "b")
        self.master.open_channel = self._open

    async def _open(self, _credentials, purpose, session):
        there, back = asyncio.Queue(), asyncio.Queue()
        mine, other = Channel(there, back), Channel(back, there)
        self.channels.append((mine, other))
        self.accepting = asyncio.create_task(self.slave.accept("a", purpose, session, other))
        return mine

    def states(self):
        return {self.master.state.state, self.slave.state.state}

    async def until(self, condition):
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110 - the drivers wake nobody
                await asyncio.sleep(0.002)


@pytest.fixture
async def ends(monkeypatch):
    """A link whose pauses are short."""
    for module in (devices, devicemaster, deviceslave):
        for name, value in {"WAIT_S": 0.005, "PROBE_S": 0.02, "EMPTY_LIMIT_S": 0.05, "RETRY_S": 0.01}.items():
            monkeypatch.setattr(module, name, value, raising=False)
    both = Ends()
    tasks = [asyncio.create_task(one.run()) for one in (both.master, both.slave)]
    yield both
    for task in (*tasks, both.accepting):
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def material(blocks):
    return {block.block: block.material for block in blocks}


async def test_both_ends_put_equal_blocks_in_the_same_order_and_the_second_end_first(ends):
    """Blocks grow to an eighth of the stock; their account states no epsilon; ids only cross the channel."""
    await ends.until(lambda: len(ends.blocks["a"]) >= 5)
    assert list(material(ends.blocks["a"]).items()) == list(material(ends.blocks["b"]).items())[: len(ends.blocks["a"])]
    numbers = [block.block for block in ends.blocks["a"]]
    assert numbers == sorted(set(numbers))
    assert [8 * len(block.material) for block in ends.blocks["a"]][:3] == [2048, 8192, 8192]
    account = ends.blocks["a"][0].account
    assert (account.interface, account.keys, account.key_bits) == ("a standard", 8, 2048)
    assert account == ends.blocks["b"][0].account
    assert ends.master.state.secret_rate_bps > 0
    mine, _ = ends.channels[0]
    assert ends.boxes.value(0) not in msgspec.msgpack.encode(mine.sent)
    assert {type(message) for message in mine.sent} == {keyids.FetchBlock}


async def test_a_full_stock_rests_and_asks_only_whether_the_device_is_there(ends):
    """Kq-2: no key is drawn while the link rests; a device that goes away is seen at rest, and its return too."""
    await ends.until(lambda: ends.blocks["a"])
    ends.master.control(kq2.RunModule(link="ab", run=False))
    await ends.until(lambda: ends.states() == {"resting"})
    drawn = ends.boxes.log.count("fresh")
    ends.boxes.broken["probe"] = PeerUnreachableError("nobody answers")
    await ends.until(lambda: ends.states() == {"down"})
    assert ends.slave.state.reason == "device-away"
    ends.boxes.broken.clear()
    await ends.until(lambda: ends.states() == {"resting"})
    assert ends.boxes.log.count("fresh") == drawn
    ends.master.control(kq2.RunModule(link="ab", run=True))
    before = len(ends.blocks["a"])
    await ends.until(lambda: len(ends.blocks["a"]) > before and ends.states() == {"running"})


@pytest.mark.parametrize(
    ("where", "site"), [("fresh", "a"), ("same", "b")], ids=["the first end's device", "the second end's device"]
)
@pytest.mark.parametrize(
    ("error", "state", "reason", "says"),
    [
        (PeerUnreachableError("nobody answers"), "down", "device-away", "nobody answers"),
        (KeyRequestError(401, "not yours"), "no-key", "device-refused", "401: not yours"),
        (KeyRequestError(400, "bad size"), "no-key", "device-refused", "400: bad size"),
        (KeyRequestError(503, "empty"), "no-key", "device-empty", "no key for a while: empty"),
        (CertificateError("cert.pem is missing"), "no-key", "device-refused", "cert.pem is missing"),
    ],
)
async def test_what_is_wrong_with_a_device_is_told_at_both_ends_and_passes(
    ends, where, site, error, state, reason, says
):
    """State, reason and a sentence with site and address; when the device is right again the link runs by itself."""
    ends.boxes.broken[where] = error
    await ends.until(lambda: ends.states() == {state})
    for end in (ends.master, ends.slave):
        await ends.until(lambda end=end: end.state.reason == reason)
        assert says in end.state.detail
        assert f"site {site} (https://box)" in end.state.detail
    ends.boxes.broken.clear()
    before = len(ends.blocks["a"])
    await ends.until(lambda: len(ends.blocks["a"]) > before and ends.states() == {"running"})
    assert material(ends.blocks["a"]).items() <= material(ends.blocks["b"]).items()


async def test_503_at_the_second_end_is_asked_again_and_no_other_error_is(ends):
    """503 has taken nothing. After any other error the keys may be gone: they are never asked for again."""
    await ends.until(lambda: ends.blocks["a"])
    ends.boxes.broken["same"] = KeyRequestError(503, "not yet")
    count = ends.boxes.log.count("same")
    await ends.until(lambda: ends.boxes.log.count("same") > count + 2)
    assert ends.slave.state.failed_blocks == 0
    ends.boxes.broken.clear()
    await ends.until(lambda: len(ends.blocks["a"]) > 2)

    start = len(ends.boxes.fetched)
    for error in (PeerUnreachableError("lost answer"), KeyRequestError(400, "not found"), KeyRequestError(500, "oh")):
        failed = ends.slave.state.failed_blocks
        ends.boxes.broken["same"] = error
        await ends.until(lambda failed=failed: ends.slave.state.failed_blocks > failed)
    since = ends.boxes.fetched[start:]
    assert len(since) == len(set(since)) > 0


async def test_a_second_end_whose_device_is_away_at_rest_is_down_until_it_is_back(ends):
    """Each end looks for itself; a device that answers, even with a refusal, is there."""
    await ends.until(lambda: ends.blocks["a"])
    ends.master.control(kq2.RunModule(link="ab", run=False))
    await ends.until(lambda: ends.states() == {"resting"})
    ends.boxes.broken["probe far"] = PeerUnreachableError("nobody answers")
    await ends.until(lambda: ends.slave.state.state == "down")
    assert ends.master.state.state == "resting"
    ends.boxes.broken["probe far"] = KeyRequestError(401, "no status for you")
    await ends.until(lambda: ends.slave.state.state == "resting")


async def test_a_connection_that_breaks_wastes_a_block_and_repeats_none(ends):
    """Blocks of the next session are new ones, equal at both ends, also when the first end's clock has gone back."""
    await ends.until(lambda: len(ends.blocks["a"]) > 1)
    ends.master.clock, ends.master.last_block = SimpleNamespace(now=lambda: 1.0), 0
    mine, other = ends.channels[0]
    await mine.close()
    await other.close()
    await ends.until(lambda: len(ends.channels) > 1)
    before = len(ends.blocks["a"])
    await ends.until(lambda: len(ends.blocks["a"]) > before + 1)
    both = material(ends.blocks["a"])
    assert both.items() <= material(ends.blocks["b"]).items()
    pieces = [value[at : at + 32] for value in both.values() for at in range(0, len(value), 32)]
    assert len(pieces) == len(set(pieces))


async def test_a_slow_device_is_waited_for_so_that_blocks_are_not_small(ends, monkeypatch):
    """One key per request and pauses between: a block is full, or as old as the patience; then it is used, not lost."""
    fresh, turns = ends.boxes.fresh, itertools.count()

    def slow(_most_bits):
        if next(turns) % 2:
            raise KeyRequestError(503, "empty")
        return fresh(256)

    monkeypatch.setattr(ends.boxes, "fresh", slow)
    await ends.until(lambda: len(ends.blocks["a"]) >= 3)
    assert [8 * len(block.material) for block in ends.blocks["a"]][:3] == [2048, 8192, 8192]
    monkeypatch.setattr(devices, "PATIENCE_S", 0.0)
    before = len(ends.blocks["a"])
    await ends.until(lambda: len(ends.blocks["a"]) > before + 1)
    assert 8 * len(ends.blocks["a"][-1].material) == 2048
    assert ends.states() == {"running"}


async def test_a_device_that_gives_a_key_twice_is_refused(ends):
    """A key that was given before never reaches a pool again."""
    await ends.until(lambda: ends.blocks["a"])
    ends.boxes.value = lambda _number: b"k" * 32
    await ends.until(lambda: ends.states() == {"no-key"})
    assert "same key twice" in ends.slave.state.detail
    assert b"k" * 32 not in b"".join(material(ends.blocks["a"]).values())


async def test_only_the_first_end_may_open_the_channel(ends):
    """Another site, or another purpose, is refused."""
    for peer, purpose in (("c", "classical"), ("a", "quantum")):
        with pytest.raises(Exception, match=f"site {peer} is not the first end"):
            await ends.slave.accept(peer, purpose, "", Channel(asyncio.Queue(), asyncio.Queue()))
