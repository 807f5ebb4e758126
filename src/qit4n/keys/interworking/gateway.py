"""The part of a key manager that hands keys over to other networks and takes them from there (ITU-T Y.3810: GWF, IWF).

It knows who may: an application of another network comes through its own network only, targets are applications of
this one, and a demand names the pair. Keys do not pass through from one neighbour to another.
"""

from collections.abc import Iterable, Mapping

from qit4n.entropy import Entropy
from qit4n.keys.directory import Directory
from qit4n.keys.interworking.calls import Calls, answer, problem
from qit4n.keys.interworking.handover import Handovers
from qit4n.keys.interworking.takeover import Takeovers
from qit4n.keys.interworking.voids import Voids
from qit4n.keys.step import Send, Step
from qit4n.keys.store import HandoverRecord, TakeoverRecord
from qit4n.keys.supply.ksa import KSA
from qit4n.keys.supply.supplies import ABROAD
from qit4n.network.model import Neighbour
from qit4n.network.neighbours import may_call_back
from qit4n.refpoints import ck, kx
from qit4n.refpoints.interworking import (
    SYNCHRONOUS,
    Acknowledge,
    AskVersions,
    Done,
    HandKeys,
    Outcome,
    Problem,
    Request,
    Versions,
    VoidKeys,
)

OWN_VERSIONS = Versions(versions=("v1",), capabilities=(SYNCHRONOUS,))


class Gateway:
    """Interworking at one site, with all its neighbours; a site without any has nothing to do here."""

    def __init__(
        self,
        directory: Directory,
        neighbours: Mapping[str, Neighbour],
        ksa: KSA,
        entropy: Entropy,
        *,
        callback: str,
        handovers: Iterable[HandoverRecord] = (),
        takeovers: Iterable[TakeoverRecord] = (),
    ) -> None:
        """Start with the records of the store; ``callback`` is where this site takes acknowledgements."""
        self._site = ksa.site
        self._directory = directory
        self._neighbours = neighbours
        self._ksa = ksa
        self._calls = Calls(tuple(neighbours), entropy)
        self._handovers = Handovers(self._calls, callback, self._told, handovers)
        self._takeovers = Takeovers(directory, ksa, self._calls, entropy, takeovers, callback=callback)
        parts = (self._handovers, self._takeovers)
        self._voids = Voids(directory, ksa, self._calls, parts, entropy)
        ksa.interwork(self)

    def __contains__(self, batch: bytes) -> bool:
        """Whether a batch is, or was lately, handed over from here."""
        return batch in self._handovers

    def begin(self) -> Step:
        """What a start leaves to do."""
        step = self._handovers.begin()
        step.extend(self._takeovers.begin())
        return step

    # the giving side

    def hand(
        self, origin: str, batch: bytes, values: bytes, *, size: int, master: str, slaves: tuple[str, ...], now: float
    ) -> Step:
        """Hand a batch over to the networks of ``slaves``."""
        there: dict[str, tuple[str, ...]] = {}
        for slave in slaves:
            network = self._directory.abroad[slave]
            there[network] = (*there.get(network, ()), slave)
        return self._handovers.hand(origin, batch, values, size=size, master=master, slaves=there, now=now)

    def withdraw(self, origin: str, batch: bytes, now: float) -> Step:
        """``origin`` has refused its master."""
        return self._handovers.withdraw(origin, batch, now)

    def _told(self, origin: str, batch: bytes, refused: str | None, now: float) -> Step:
        """Tell the site that cut a batch what became of it; perhaps that is this one."""
        if refused is None:
            held = kx.SupplyHeld(batch=batch)
            if origin == self._site:
                return self._ksa.supply_held(ABROAD, held)
            return Step(actions=[Send(origin, held)])
        message = kx.SupplyRefused(batch=batch, chunks=(), reason=refused)
        if origin == self._site:
            return self._ksa.supply_refused(ABROAD, message, now)
        return Step(actions=[Send(origin, message)])

    def called(self, call: int, outcome: Outcome, now: float) -> Step:
        """The outcome of a call."""
        return self._calls.called(call, outcome, now)

    # the side that is asked

    def request(self, number: int, neighbour: str, request: Request, now: float) -> Step:
        """A neighbour asks."""
        match request:
            case AskVersions():
                return answer(number, OWN_VERSIONS)
            case Acknowledge():
                return self._acknowledge(number, neighbour, request, now)
            case HandKeys():
                refused = self._refuse_handed(neighbour, request)
                return answer(number, refused) if refused else self._takeovers.take(number, neighbour, request, now)
            case VoidKeys():
                refused = self._refuse_void(neighbour, request)
                return answer(number, refused) if refused else self._voids.void(number, neighbour, request, now)

    def _acknowledge(self, number: int, neighbour: str, request: Acknowledge, now: float) -> Step:
        step, strange = self._handovers.acknowledged(neighbour, request.acks, now)
        unknown = [one for one in strange if self._takeovers.find(neighbour, one) is None]  # else: a void of ours
        if len(unknown) == sum(len(ack.key_ids) for ack in request.acks):
            step.extend(answer(number, problem(400, "key-not-present", "none of these keys was handed over here")))
        else:
            step.extend(answer(number, Done()))
        return step

    def _refuse_handed(self, neighbour: str, request: HandKeys) -> Problem | None:
        """Why nothing of the request may be kept."""
        directory, policies = self._directory, self._directory.policies
        if directory.abroad.get(request.initiator) != neighbour:
            text = f"{request.initiator} is not an application of network {neighbour} that is known here"
            return problem(400, "key-routing-error", text, "initiator_sae_id_not_recognized")
        for target in request.targets:
            refused = self._refuse_target(neighbour, request.initiator, target)
            if refused:
                return refused
        trusts = {directory.trust(request.initiator, target) for target in request.targets}
        if len(trusts) > 1 or len(request.targets) > 1 + policies.max_additional_slaves:
            text = f"at most {1 + policies.max_additional_slaves} targets, under one trust policy, are served at once"
            return problem(503, "key-routing-error", text, "no_route_multiple_targets")
        if len(request.keys) > policies.max_keys_per_request:
            text = f"{len(request.keys)} keys, at most {policies.max_keys_per_request} are taken at once"
            return problem(400, "invalid-parameter", text, "too_many_keys")
        least, most = policies.min_key_size_bits, policies.max_key_size_bits
        if not all(least <= 8 * len(key.value) <= most for key in request.keys):
            return problem(400, "invalid-parameter", f"a key has {least} to {most} bits", "size_of_a_key")
        return self._refuse_callback(neighbour, request.callback)

    def _refuse_target(self, neighbour: str, initiator: str, target: str) -> Problem | None:
        directory = self._directory
        if target not in directory.sites:
            text = f"there is no application {target} here"
            return problem(400, "key-routing-error", text, "target_sae_id_not_recognized")
        if directory.abroad.get(target) == neighbour:
            return problem(400, "key-routing-error", f"{target} is in your network", "invalid_routing")
        if target in directory.abroad:
            return problem(503, "key-routing-error", f"keys do not pass through to {target}", "no_known_route")
        if not directory.allowed(initiator, target):
            return problem(401, "unauthorized", f"no demand lets {initiator} share keys with {target}")
        return None

    def _refuse_callback(self, neighbour: str, callback: str) -> Problem | None:
        if not callback or may_call_back(self._neighbours[neighbour], callback):
            return None
        return problem(400, "invalid-parameter", "acknowledgements may not go to that address", "ack_callback_url")

    def _refuse_void(self, neighbour: str, request: VoidKeys) -> Problem | None:
        """Keys may be voided by the network that handed them over, and by that which they were handed to."""
        directory = self._directory
        ends = [{request.initiator}, set(request.targets)]
        theirs = [all(directory.abroad.get(one) == neighbour for one in end) for end in ends]
        ours = [all(one in directory.sites and one not in directory.abroad for one in end) for end in ends]
        if not (theirs[0] and ours[1]) and not (ours[0] and theirs[1]):
            text = "one end shall be an application of this network, the other one of yours"
            return problem(400, "key-routing-error", text, "target_sae_id_not_recognized")
        return self._refuse_callback(neighbour, request.callback)

    # Kx and time

    def supply_voided(self, peer: str, message: kx.SupplyVoided, now: float) -> Step:
        """A site of targets has taken copies back."""
        return self._voids.answered(peer, message, now)

    def timer(self, now: float) -> Step:
        """To be called a few times a second."""
        if not self._neighbours:
            return Step()
        step = self._calls.timer(now)
        for part in (self._handovers, self._takeovers, self._voids):
            step.extend(part.timer(now))
        return step

    def reports(self) -> tuple[ck.NeighbourReport, ...]:
        """What an operator wants to know of each neighbour."""
        return tuple(
            ck.NeighbourReport(
                network=name,
                up=known.versions is not None and not known.detail,
                mode="synchronous" if self._calls.synchronous(name) else "asynchronous",
                detail=known.detail,
                handed_keys=known.handed,
                taken_keys=known.taken,
                refused_keys=known.refused,
                voided_keys=known.voided,
                applications=self._neighbours[name].applications,
            )
            for name, known in self._calls.neighbours.items()
        )
