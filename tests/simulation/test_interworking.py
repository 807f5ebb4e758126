"""Two networks of real key managers in memory, and the calls between them: every key once, whatever happens."""

import pytest

from qit4n.keys.interworking.table import HANDOVER, TAKEOVER, Handing, Taking
from qit4n.keys.step import AnswerNeighbour, CallNeighbour
from qit4n.keys.store import HandoverRecord, HeldKeysRecord, TakeoverRecord
from qit4n.network.model import Application, Demand, Link, Medium, Module, Neighbour, Network, Policies, Site, Trust
from qit4n.refpoints import ak
from qit4n.refpoints.interworking import (
    Accepted,
    Acknowledge,
    Acknowledgement,
    Done,
    ForeignKey,
    HandKeys,
    KeyStatus,
    NotSent,
    Problem,
    Unclear,
    Versions,
    VoidKeys,
)

OTHER = {"north": "south", "south": "north"}
IDS = tuple(bytes([number]) * 16 for number in range(1, 4))


def network(name, **policies):
    other = OTHER[name]
    office, gate = f"{name}-office", f"{name}-gate"
    return Network(
        qit4n=1,
        name=name,
        sites=(Site(id=office), Site(id=gate)),
        modules={"m": Module(pulse_rate_hz=1e8)},
        links=(Link(id=f"{name}-link", ends=(office, gate), medium=Medium(length_km=10, loss_db=2.5), module="m"),),
        applications=(Application(id=f"app-{name}", site=office), Application(id=f"gate-{name}", site=gate)),
        neighbours={
            other: Neighbour(
                site=gate,
                url="https://127.0.0.1:28011",
                identity=f"urn:qit4n:{other}:site:{other}-gate",
                ca="ca.pem",
                applications=(f"app-{other}", f"gate-{other}", f"third-{other}"),
            )
        },
        demands=(
            Demand(between=(f"app-{name}", f"app-{other}")),
            Demand(between=(f"gate-{name}", f"app-{other}")),
            Demand(between=(f"app-{name}", f"gate-{other}")),
            Demand(between=(f"gate-{name}", f"gate-{other}")),
            Demand(between=(f"app-{name}", f"third-{other}"), trust=Trust(scheme="xor-at-destination")),
            Demand(between=(f"app-{name}", f"gate-{name}")),
        ),
        policies=Policies(**policies),
    )


class Pair:
    """Two networks; calls between their gates are carried by hand, or by :meth:`settle`."""

    def __init__(self, keynet, *, modes=("synchronous_mode",), **policies):
        self.nets = {name: keynet(network(name, **policies)) for name in OTHER}
        self.modes = modes
        self.calls = []  # (from, action)
        self.asked = {}  # our number of a request at the other side -> (from, call)
        self.answers = {}
        self.numbers = iter(range(1, 1 << 30))
        self.cut = set()
        for name, net in self.nets.items():
            self._listen(name, net)
            for _ in range(8):
                net.produce()
            ends = net.network.links[0].ends
            net.order(ends, ends[::-1])
        self.tick(0.2)

    def _listen(self, name, net):
        usual = net.do

        def do(site, step):
            usual(site, step)
            for action in step.actions:
                if isinstance(action, CallNeighbour):
                    self.calls.append((name, action))
                elif isinstance(action, AnswerNeighbour):
                    self._answered(name, action)

        net.do = do

    def gate(self, name):
        return self.nets[name].managers[f"{name}-gate"]

    def _answered(self, name, action):
        back = self.asked.pop((name, action.request), None)
        if back is None:
            self.answers[action.request] = action.reply
            return
        caller, call = back
        reply = action.reply
        if isinstance(reply, Versions):
            reply = Versions(versions=reply.versions, capabilities=self.modes)
        self.returned(caller, call, reply)

    def returned(self, name, call, outcome):
        """The outcome of a call comes back."""
        net = self.nets[name]
        net.do(f"{name}-gate", self.gate(name).called(call, outcome, net.now))

    def carry(self):
        """One call arrives."""
        name, action = self.calls.pop(0)
        other = OTHER[name]
        if other in self.cut:
            self.returned(name, action.call, NotSent(text="no connection"))
            return action
        number = next(self.numbers)
        self.asked[other, number] = (name, action.call)
        self.put(other, number, name, action.request)
        return action

    def put(self, name, number, neighbour, request):
        net = self.nets[name]
        net.do(f"{name}-gate", self.gate(name).foreign(number, neighbour, request, net.now))

    def ask(self, name, request):
        """What ``name`` answers to a request of the other network; None as long as it does not."""
        number = next(self.numbers)
        self.put(name, number, OTHER[name], request)
        self.nets[name].settle()
        return self.answers.get(number)

    def settle(self):
        while self.calls or any(queue for net in self.nets.values() for queue in net.queues.values()):
            for net in self.nets.values():
                net.settle()
            if self.calls:
                self.carry()

    def tick(self, seconds=1.0):
        for net in self.nets.values():
            net.tick(seconds)
        self.settle()

    def begin(self, master, slave, number=2):
        """The master asks; nothing crosses yet. The number of the request."""
        net = self.nets[master.partition("-")[2]]
        net.number += 1
        request = ak.GetKeys(master=master, slaves=(slave,), number=number, disjoint_paths=1, tell_trusted=True)
        site = net.network.application(master).site
        net.do(site, net.managers[site].request(net.number, request, net.now))
        net.settle()
        return net.answers, net.number

    def get(self, master, slave, number=2):
        answers, request = self.begin(master, slave, number)
        self.settle()
        return answers.get(request)

    def fetch(self, slave, master, *ids):
        return self.nets[slave.partition("-")[2]].fetch(slave, master, *ids)

    def crash(self, name):
        """The process at the gate dies: calls to and from it are lost."""
        self.calls = [one for one in self.calls if one[0] != name]
        self.asked = {key: back for key, back in self.asked.items() if key[0] != name and back[0] != name}
        net = self.nets[name]
        net.crash(f"{name}-gate")

    def records(self, name, kind):
        return list(self.nets[name].stores[f"{name}-gate"].load(kind))

    def held(self, name, site="office"):
        return list(self.nets[name].stores[f"{name}-{site}"].load(HeldKeysRecord))


@pytest.fixture(params=[("synchronous_mode",), ()], ids=["synchronous", "asynchronous"])
def pair(keynet, request):
    return Pair(keynet, modes=request.param)


PAIRS = [
    ("app-north", "app-south"),
    ("app-south", "app-north"),
    ("gate-north", "app-south"),
    ("app-north", "gate-south"),
    ("gate-north", "gate-south"),
]


@pytest.mark.checklist("7a")
@pytest.mark.parametrize(("master", "slave"), PAIRS)
def test_keys_cross_and_are_fetched_once(pair, master, slave):
    """In both modes, from and to any site, both ends get the same keys, the slave once."""
    keys = pair.nets["north"].keys_of(pair.get(master, slave))
    assert len(keys) == 2
    assert pair.nets["north"].keys_of(pair.fetch(slave, master, *keys)) == keys
    assert pair.fetch(slave, master, *keys).reason == "unknown-key"
    assert not pair.held("north")
    assert not pair.held("south")


def test_who_could_know_is_told_with_the_key(pair):
    """The interworking site and the whole other network are among those who could know it, at both ends."""
    (known,) = pair.get("app-north", "app-south").knowledge
    assert known.paths == (("north-office", "north-gate", "network south", "app-south"),)
    assert known.known_to({"north-gate"})
    assert known.known_to({"network south"})
    trail = [event for event in pair.nets["south"].stores["south-gate"].trail if event.step == "supplied"]
    assert "app-north-network north-south-gate-south-office" in trail[-1].note


def test_a_master_waits_until_the_other_network_holds_its_copy(pair):
    """No key is given before the other network has said that it is relayed."""
    answers, number = pair.begin("app-north", "app-south")
    assert number not in answers
    while number not in answers:
        pair.carry()
        pair.nets["south"].settle()
        assert number not in answers or pair.held("south"), "the master has a key of which there is no copy"
        pair.nets["north"].settle()
    assert isinstance(answers[number], ak.SuppliedKeys)


OUTCOMES = {
    "200 relayed": lambda action: Done(acks=(ack_of(action.request, KeyStatus.RELAYED),)),
    "200 without all keys": lambda _: Done(acks=()),
    "200 failed": lambda action: Done(acks=(ack_of(action.request, KeyStatus.FAILED),)),
    "400": lambda _: Problem(status=400, kind="missing-parameters"),
    "401": lambda _: Problem(status=401, kind="unauthorized"),
    "408": lambda _: Problem(status=408, kind="timeout"),
    "413": lambda _: Problem(status=413, kind="about:blank"),
    "503": lambda _: Problem(status=503, kind="insufficient-key-material"),
    "nothing sent": lambda _: NotSent(text="no connection"),
    "no answer": lambda _: Unclear(text="the connection broke"),
}
NOTHING_KEPT = {"400", "401", "nothing sent"}


def ack_of(request, status, ids=None):
    if isinstance(request, HandKeys):
        ids = tuple(key.key_id for key in request.keys) if ids is None else ids
    return Acknowledgement(
        key_ids=request.key_ids if ids is None else ids,
        status=status,
        initiator=request.initiator,
        targets=request.targets,
    )


@pytest.mark.checklist("7b")
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_the_state_after_each_answer(keynet, outcome):
    """After 400 and 401 nothing is voided; after any other answer but relayed the keys are voided, never used again."""
    pair = Pair(keynet)
    answers, number = pair.begin("app-north", "app-south")
    (name, action), *_ = pair.calls
    pair.calls.clear()
    pair.returned(name, action.call, OUTCOMES[outcome](action))
    pair.nets["north"].settle()
    voids = [call for _, call in pair.calls if isinstance(call.request, VoidKeys)]
    assert isinstance(answers[number], ak.SuppliedKeys) == (outcome == "200 relayed")
    if outcome == "200 relayed" or outcome in NOTHING_KEPT:
        assert not voids
    else:
        (void,) = voids
        assert set(void.request.key_ids) == {key.key_id for key in action.request.keys}
        assert [Handing(one.state) for one in pair.records("north", HandoverRecord)] == [Handing.VOIDING]
    if outcome in NOTHING_KEPT:
        assert not pair.records("north", HandoverRecord)
    again = pair.begin("app-north", "app-south")
    assert again[1] not in again[0]
    fresh = [call for _, call in pair.calls if isinstance(call.request, HandKeys)]
    assert {key.key_id for key in fresh[-1].request.keys}.isdisjoint(key.key_id for key in action.request.keys)
    assert {key.value for key in fresh[-1].request.keys}.isdisjoint(key.value for key in action.request.keys)


@pytest.mark.checklist("7b")
def test_a_network_that_never_answers_is_named_before_the_masters_time_is_over(keynet):
    """After 4.5 s the master is refused, told which network was silent, and the keys are voided there."""
    pair = Pair(keynet)
    answers, number = pair.begin("app-north", "app-south")
    pair.calls.clear()
    pair.nets["north"].tick(4.4)
    assert number not in answers
    pair.nets["north"].tick(0.2)
    assert answers[number].text == "no acknowledgement from network south within 4.5 s"
    assert any(isinstance(call.request, VoidKeys) for _, call in pair.calls)


@pytest.mark.checklist("7b")
def test_a_void_is_repeated_until_the_other_network_answers(keynet):
    """While it does not answer the ids are kept, over a restart too; then they are forgotten."""
    pair = Pair(keynet)
    pair.begin("app-north", "app-south")
    (name, action), *_ = pair.calls
    pair.calls.clear()
    pair.crash("north")
    pair.cut.add("south")
    for _ in range(30):
        pair.tick(2.0)
    assert [one.state for one in pair.records("north", HandoverRecord)] == [Handing.VOIDING]
    pair.cut.clear()
    for _ in range(20):
        pair.tick(2.0)
    assert not pair.records("north", HandoverRecord)
    reply = pair.ask("south", altered(action.request))
    assert isinstance(reply, Problem), "keys that were voided before they came are taken"
    assert reply.status == 503
    assert name == "north"


@pytest.mark.parametrize("most", ["MOST_REMEMBERED", "MOST_KEYS_REMEMBERED"])
def test_a_neighbour_that_voids_what_it_never_handed_over_does_not_fill_the_memory(keynet, monkeypatch, most):
    """Ids that must not come afterwards are remembered; the oldest are forgotten when there are too many."""
    monkeypatch.setattr(f"qit4n.keys.interworking.takeover.{most}", {"MOST_REMEMBERED": 3}.get(most, 30))
    pair = Pair(keynet)
    for number in range(10):
        pair.ask("south", void(*(bytes([1, number]) * 7 + bytes([0, place]) for place in range(10))))
    pair.tick(1.0)
    kept = pair.records("south", TakeoverRecord)
    assert sorted(one.ids[1] for one in kept) == [7, 8, 9]


def altered(request, **changes):
    fields = {name: getattr(request, name) for name in request.__struct_fields__}
    return type(request)(**{**fields, **changes})


def handed(*ids, initiator="app-north", targets=("app-south",), callback="", value=b"k" * 32):
    keys = tuple(ForeignKey(key_id=key_id, value=bytes([number]) + value[1:]) for number, key_id in enumerate(ids))
    return HandKeys(keys=keys, initiator=initiator, targets=targets, callback=callback)


def test_keys_named_by_another_network_are_fetched_by_their_ids(keynet):
    """Any UUIDs, also such that share their first 12 bytes, each once; sizes may differ."""
    pair = Pair(keynet)
    ids = [bytes(12) + number.to_bytes(4) for number in (7, 9)]
    reply = pair.ask("south", handed(*ids))
    assert [ack.status for ack in reply.acks] == [KeyStatus.RELAYED]
    later = altered(handed(bytes(15) + b"\x08"), keys=(ForeignKey(key_id=bytes(15) + b"\x08", value=b"x" * 64),))
    assert [ack.status for ack in pair.ask("south", later).acks] == [KeyStatus.RELAYED]
    found = pair.nets["south"].keys_of(pair.fetch("app-south", "app-north", *ids, bytes(15) + b"\x08"))
    assert found == {ids[0]: b"\0" + b"k" * 31, ids[1]: b"\1" + b"k" * 31, bytes(15) + b"\x08": b"x" * 64}
    assert pair.fetch("app-south", "app-north", ids[0]).reason == "unknown-key"


@pytest.mark.checklist("7b")
def test_the_same_request_again_is_answered_again_and_another_refused(keynet):
    """A sender may retry: no second copy is made. A known id with another value, or pair, is 503, never 400."""
    pair = Pair(keynet)
    first = pair.ask("south", handed(*IDS))
    assert pair.ask("south", handed(*IDS)) == first
    assert len(pair.held("south")) == 3
    for other in (handed(*IDS, value=b"other" * 8), handed(*IDS[:1]), handed(*IDS, targets=("gate-south",))):
        reply = pair.ask("south", other)
        assert (reply.status, reply.kind) == (503, "server-side-general-error")
    pair.crash("south")
    pair.tick()
    assert pair.ask("south", handed(*IDS)) == first
    found = pair.nets["south"].keys_of(pair.fetch("app-south", "app-north", *IDS))
    assert list(found.values()) == [key.value for key in handed(*IDS).keys]
    assert pair.ask("south", handed(*IDS)) == first
    assert not pair.held("south"), "a repeated request brought a fetched key back"


@pytest.mark.checklist("7b")
@pytest.mark.parametrize(
    ("request_", "status", "kind"),
    [
        (handed(*IDS, initiator="app-south"), 400, "key-routing-error"),
        (handed(*IDS, initiator="stranger"), 400, "key-routing-error"),
        (handed(*IDS, targets=("stranger",)), 400, "key-routing-error"),
        (handed(*IDS, targets=("gate-north",)), 400, "key-routing-error"),
        (handed(*IDS, initiator="third-north", targets=("gate-south",)), 401, "unauthorized"),
        (handed(*IDS, value=b"short"), 400, "invalid-parameter"),
        (handed(*IDS, value=bytes(2000)), 400, "invalid-parameter"),
        (handed(*(bytes([9]) * 15 + bytes([n]) for n in range(129))), 400, "invalid-parameter"),
        (handed(*IDS, callback="https://127.0.0.1:28012/kmapi/v1/ext_keys/ack"), 400, "invalid-parameter"),
        (
            handed(*(bytes([9]) * 15 + bytes([n]) for n in range(100)), value=bytes(500)),
            503,
            "insufficient-key-material",
        ),
    ],
)
def test_what_is_refused_leaves_nothing(keynet, request_, status, kind):
    """No record, no held copy, no byte of a pool; and the id is free for a right request."""
    pair = Pair(keynet)
    before = pair.gate("south").pools.available_bytes("south-office", Trust())
    reply = pair.ask("south", request_)
    assert (reply.status, reply.kind) == (status, kind)
    assert pair.gate("south").pools.available_bytes("south-office", Trust()) == before
    assert not pair.records("south", TakeoverRecord)
    assert not pair.held("south")
    assert [ack.status for ack in pair.ask("south", handed(*IDS)).acks] == [KeyStatus.RELAYED]


@pytest.mark.checklist("7e")
@pytest.mark.parametrize(
    "callback",
    [
        "https://127.0.0.1:28011/kmapi/v1/ext_keys/ack?to=elsewhere",
        "https://127.0.0.1:28011/",
        "https://127.0.0.1:28011.evil.example/kmapi/v1/ext_keys/ack",
        "https://169.254.169.254/latest/meta-data",
    ],
)
def test_acknowledgements_go_to_allowed_addresses_only(keynet, callback):
    """Any other is 400, for keys and for voids, and nothing is called."""
    pair = Pair(keynet)
    for request in (handed(*IDS, callback=callback), void(*IDS, callback=callback)):
        reply = pair.ask("south", request)
        assert (reply.status, reply.kind) == (400, "invalid-parameter")
        assert "ack_callback_url" in reply.details
    assert not pair.calls


def void(*ids, initiator="app-north", targets=("app-south",), callback="", all_of_them=False):
    return VoidKeys(key_ids=ids, initiator=initiator, targets=targets, callback=callback, all_of_them=all_of_them)


def by_status(reply):
    return {ack.status: set(ack.key_ids) for ack in reply.acks}


@pytest.mark.checklist("7a")
def test_a_void_says_of_each_key_what_became_of_it(keynet):
    """Waiting: voided, and not fetched any more. Fetched: failed to void. Never seen: key not present."""
    pair = Pair(keynet)
    pair.ask("south", handed(*IDS))
    pair.fetch("app-south", "app-north", IDS[0])
    stranger = bytes([77]) * 16
    expected = {
        KeyStatus.FAILED_TO_VOID: {IDS[0]},
        KeyStatus.VOIDED: {IDS[1]},
        KeyStatus.NOT_PRESENT: {stranger},
    }
    assert by_status(pair.ask("south", void(IDS[0], IDS[1], stranger))) == expected
    assert pair.fetch("app-south", "app-north", IDS[1]).reason == "unknown-key"
    assert pair.nets["south"].keys_of(pair.fetch("app-south", "app-north", IDS[2]))
    assert pair.ask("south", handed(stranger)).status == 503


@pytest.mark.checklist("7c")
def test_all_keys_of_a_pair_are_voided(keynet):
    """Those that wait, of this pair only."""
    pair = Pair(keynet)
    pair.ask("south", handed(*IDS))
    other = bytes([88]) * 16
    pair.ask("south", handed(other, targets=("gate-south",)))
    assert by_status(pair.ask("south", void(all_of_them=True)))[KeyStatus.VOIDED] == set(IDS)
    assert pair.fetch("app-south", "app-north", IDS[0]).reason == "unknown-key"
    assert pair.nets["south"].keys_of(pair.fetch("gate-south", "app-north", other))


def test_a_void_in_the_other_direction_is_too_late_for_what_the_master_has(pair):
    """The taking network cannot void a key that was supplied; one under way it can, and the master is refused."""
    keys = pair.nets["north"].keys_of(pair.get("app-north", "app-south"))
    assert by_status(pair.ask("north", void(*keys))) == {KeyStatus.FAILED_TO_VOID: set(keys)}
    answers, number = pair.begin("app-north", "app-south")
    (_, action), *_ = pair.calls
    ids = {key.key_id for key in action.request.keys}
    assert by_status(pair.ask("north", void(*ids))) == {KeyStatus.VOIDED: ids}
    pair.nets["north"].settle()
    assert answers[number].reason == "not-ready"


def test_an_acknowledgement_that_is_not_taken_is_told_again_then_voided(keynet):
    """After a minute the copy at the target is taken back, and the giver is told so: nobody has half of a key."""
    pair = Pair(keynet)
    url = "https://127.0.0.1:28011/kmapi/v1/ext_keys/ack"
    pair.cut.add("north")
    assert pair.ask("south", handed(*IDS, callback=url)) == Accepted()
    pair.settle()
    assert len(pair.held("south")) == 3
    told = 0
    for _ in range(70):
        pair.tick(1.0)
        told += sum(isinstance(call.request, Acknowledge) for _, call in pair.calls)
    assert not pair.held("south")
    assert [one.state for one in pair.records("south", TakeoverRecord)] == [Taking.VOIDING]
    pair.cut.clear()
    for _ in range(40):
        pair.tick(1.0)
    assert [one.state for one in pair.records("south", TakeoverRecord)] == [Taking.TOLD]


@pytest.mark.parametrize("forgets", [False, True])
def test_copies_stay_when_the_acknowledgement_may_have_been_taken(keynet, forgets):
    """The master has its key, the answer to the acknowledgement is lost, the giver is away for long: the slave gets it.

    The giver forgets after a while what is settled, and then knows none of these keys: that says nothing either.
    """
    pair = Pair(keynet, modes=())
    answers, number = pair.begin("app-north", "app-south")
    while not any(isinstance(action.request, Acknowledge) for _, action in pair.calls):
        pair.carry()
        pair.nets["south"].settle()
    (caller, action) = next(one for one in pair.calls if isinstance(one[1].request, Acknowledge))
    pair.calls.remove((caller, action))
    pair.ask("north", action.request)
    pair.returned(caller, action.call, Unclear(text="no answer"))
    keys = pair.nets["north"].keys_of(answers[number])
    pair.cut.add("north")
    for _ in range(70):
        pair.tick(1.0)
    if forgets:
        pair.cut.clear()
        for _ in range(40):
            pair.tick(1.0)
        assert [one.state for one in pair.records("south", TakeoverRecord)] == [Taking.TOLD]
    assert pair.nets["south"].keys_of(pair.fetch("app-south", "app-north", *keys)) == keys


def test_an_acknowledgement_of_unknown_keys_is_refused(keynet):
    """400 key-not-present; one known among them, and it is taken."""
    pair = Pair(keynet)
    request = Acknowledge(acks=(ack_of(void(*IDS, initiator="app-south", targets=("app-north",)), KeyStatus.RELAYED),))
    reply = pair.ask("south", request)
    assert (reply.status, reply.kind) == (400, "key-not-present")


def test_another_network_cannot_acknowledge_for_this_one(keynet):
    """A status for keys of another initiator changes nothing: the master is not answered."""
    pair = Pair(keynet)
    answers, number = pair.begin("app-north", "app-south")
    (_, action), *_ = pair.calls
    forged = altered(ack_of(action.request, KeyStatus.RELAYED), initiator="gate-north")
    assert pair.ask("north", Acknowledge(acks=(forged,))).status == 400
    assert number not in answers


@pytest.mark.parametrize("step", range(12))
@pytest.mark.parametrize("victim", ["north", "south"])
def test_a_gate_that_dies_at_any_moment_costs_keys_and_nothing_else(pair, victim, step):
    """After so many messages the process dies: no key is had by one alone for good, none twice, and keys flow again."""
    answers, number = pair.begin("app-north", "app-south")
    for _ in range(step):
        if any(net.deliver_one() for net in pair.nets.values()):
            continue
        if pair.calls:
            pair.carry()
    crossing = {key.key_id for _, call in pair.calls if isinstance(call.request, HandKeys) for key in call.request.keys}
    pair.crash(victim)
    for _ in range(20):
        pair.tick(1.0)
    reply = answers[number]
    if isinstance(reply, ak.SuppliedKeys):
        keys = dict(reply.each())
        assert pair.nets["south"].keys_of(pair.fetch("app-south", "app-north", *keys)) == keys
    for key_id in crossing - set(dict(reply.each()) if isinstance(reply, ak.SuppliedKeys) else ()):
        assert isinstance(pair.fetch("app-south", "app-north", key_id), ak.Refused)
    assert not pair.held("south")
    keys = pair.nets["north"].keys_of(pair.get("app-north", "app-south"))
    assert pair.nets["south"].keys_of(pair.fetch("app-south", "app-north", *keys)) == keys


def test_the_tables_lead_somewhere_from_every_state():
    """Every state but the last has a way out, and every state is reached."""
    for table, over in ((HANDOVER, Handing.OVER), (TAKEOVER, Taking.OVER)):
        states = {state for state, _ in table}
        assert over not in states
        assert states | {over} == set(type(over))
        reached = {after for _, after in table.values()}
        assert set(type(over)) - reached <= {Handing.SENDING, Taking.RELAYING}


def test_the_last_site_of_a_demand_is_refused_disjoint_paths_and_streams(keynet):
    """All keys for another network pass one site: two disjoint paths are refused, and so are key streams."""
    pair = Pair(keynet)
    net = pair.nets["north"]
    refused = net.ask(ak.GetKeys(master="app-north", slaves=("app-south",), disjoint_paths=2))
    assert refused.reason == "too-few-paths"
    net.number += 1
    request = ak.OpenStream(application="app-north", peer="app-south")
    net.do("north-office", net.managers["north-office"].request(net.number, request, net.now))
    assert net.answers[net.number].status is ak.StreamStatus.NO_QKD_CONNECTION


def test_a_site_asks_its_neighbour_what_it_can(pair):
    """It is up as long as it answers, and the mode is the one that it offers."""
    (report,) = pair.gate("north").gateway.reports()
    assert (report.network, report.up) == ("south", True)
    assert report.mode == ("synchronous" if pair.modes else "asynchronous")
    pair.cut.add("south")
    pair.tick(6.0)
    (report,) = pair.gate("north").gateway.reports()
    assert not report.up
    assert "no connection" in report.detail
