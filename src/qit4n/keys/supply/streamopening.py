"""OPEN_CONNECT of key streams (ETSI GS QKD 004 V2.1.1): who may open which stream, with which QoS.

The leading site decides, also for the application at the other site, which asks it with JoinStream.
"""

import math
from dataclasses import dataclass, field

from qit4n.entropy import Entropy
from qit4n.errors import ProtocolError
from qit4n.keys.directory import Directory
from qit4n.keys.relay.endtoend import EndToEndPools
from qit4n.keys.step import Answer, Send, Step
from qit4n.keys.supply.access import Access
from qit4n.keys.supply.quality import MOST_TIMEOUT_MS, FillRates, completed, fits, possible
from qit4n.keys.supply.stream import ID_BYTES, NAME_BYTES, Stream
from qit4n.keys.supply.streamsupply import StreamSupply
from qit4n.refpoints import ak, kx
from qit4n.refpoints.ak import StreamQoS, StreamStatus

STREAMS_OF_ONE = 32
OPEN = {StreamStatus.SUCCESS, StreamStatus.PEER_NOT_CONNECTED}


@dataclass(frozen=True)
class Joining:
    """An application of this site that waits for the leading site's answer."""

    number: int
    request: ak.OpenStream
    site: str
    deadline: float


@dataclass(frozen=True)
class Verdict:
    """What became of an OPEN_CONNECT."""

    status: StreamStatus
    stream: bytes = b""
    qos: StreamQoS = field(default_factory=StreamQoS)
    text: str = ""

    def answer(self, number: int) -> Answer:
        """For the application."""
        opened = ak.OpenedStream(status=self.status, stream=self.stream[:ID_BYTES], qos=self.qos, text=self.text)
        return Answer(number, opened)


def _none(text: str) -> Verdict:
    return Verdict(StreamStatus.NO_QKD_CONNECTION, text=text)


class StreamOpening:
    """The openings of one site."""

    def __init__(
        self, directory: Directory, access: Access, pools: EndToEndPools, entropy: Entropy, supply: StreamSupply
    ) -> None:
        """Nobody waits yet."""
        self._directory = directory
        self._access = access
        self._entropy = entropy
        self._supply = supply
        self._rates = FillRates(pools)
        self.joining: dict[bytes, Joining] = {}

    def open(self, number: int, request: ak.OpenStream, now: float) -> Step:
        """Open an application's end, or ask the leading site."""
        refused = self._refuse(request)
        if refused:
            return Step(actions=[_none(refused).answer(number)])
        stream = request.stream or _new_id(self._entropy)
        known = self._supply.streams.get(stream)
        if stream in self.joining or (known and request.application in known.open):
            return Step(actions=[_in_use(stream).answer(number)])
        leader = self._directory.sites[min(request.application, request.peer)]
        if leader == self._supply.site:
            verdict, step = self._admit(stream, request.application, request.peer, request.qos, now)
            step.actions.append(verdict.answer(number))
            step.extend(self._cut_for(stream, now))
            return step
        if known:
            return Step(actions=[_in_use(stream).answer(number)])
        return self._ask(number, request, stream, leader, now)

    def _refuse(self, request: ak.OpenStream) -> str:
        """Why these two cannot have a stream from here, if so."""
        refused = self._access.refuse_pair(request.application, request.peer)
        if refused:
            return refused.text
        first = self._directory.sites[request.application]
        if first != self._supply.site:
            return f"key streams of {request.application} are at its first site, {first}"
        if request.peer in self._directory.abroad:
            return f"{request.peer} is in another network; keys go there by ETSI GS QKD 014, streams do not"
        return ""

    def _ask(self, number: int, request: ak.OpenStream, stream: bytes, leader: str, now: float) -> Step:
        if not self._supply.agrees(leader):
            return Step(actions=[_none(f"no connection to site {leader} now").answer(number)])
        timeout = min(completed(request.qos, self._directory.policies).timeout, MOST_TIMEOUT_MS)
        self.joining[stream] = Joining(number, request, leader, now + timeout / 1000)
        message = kx.JoinStream(stream=stream, application=request.application, peer=request.peer, qos=request.qos)
        return Step(actions=[Send(leader, message)])

    # the leading site

    def _admit(self, stream: bytes, application: str, peer: str, asked: StreamQoS, now: float) -> tuple[Verdict, Step]:
        known = self._supply.streams.get(stream)
        theirs = [one for one in self._supply.streams.values() if application in one.open]
        if len(theirs) >= STREAMS_OF_ONE:
            return _none(f"{application} has {STREAMS_OF_ONE} streams open; close one"), Step()
        if known is None:
            return self._begin(stream, application, peer, asked, now)
        if set(known.applications) != {application, peer} or application in known.open or known.ended:
            return _in_use(stream), Step()
        if not fits(asked, known.qos):
            text = f"{peer} has opened the stream with this QoS"
            return Verdict(StreamStatus.QOS_NOT_MET, stream, known.qos, text), Step()
        known.open.add(application)
        step = Step([known.kept()]).tell("opened", known.subject(), 0, application, peer)
        if application in known.own and not known.local:
            step.actions.append(Send(known.peer, kx.StreamEnd(stream=known.name, open=True)))
        return Verdict(StreamStatus.SUCCESS, known.name, known.qos), step

    def _begin(self, stream: bytes, application: str, peer: str, asked: StreamQoS, now: float) -> tuple[Verdict, Step]:
        applications = (min(application, peer), max(application, peer))
        own, site, leads = self._supply.place(*applications)
        if len(own) == 1 and not self._supply.agrees(site):
            return _none(f"no connection to site {site} now"), Step()
        wanted = completed(asked, self._directory.policies)
        can = possible(wanted, self._directory.policies, self._rate_bps(applications, site, local=len(own) > 1))
        if can != wanted:
            return Verdict(StreamStatus.QOS_NOT_MET, stream, can, "the QoS cannot be met; this one can"), Step()
        made = Stream(
            name=stream + self._entropy(NAME_BYTES - ID_BYTES),
            applications=applications,
            own=own,
            peer=site,
            leads=leads,
            qos=wanted,
            open={application},
        )
        made.used = dict.fromkeys(own, now)
        self._supply.streams[stream] = made
        step = Step([made.kept()]).tell("opened", made.subject(), 0, application, peer)
        return Verdict(StreamStatus.PEER_NOT_CONNECTED, made.name, wanted), step

    def _rate_bps(self, applications: tuple[str, str], site: str, *, local: bool) -> float:
        """What the pool gives per second and no other stream was promised."""
        if local:
            return math.inf
        trust = self._directory.trust(*applications)
        promised = sum(
            one.qos.min_bps
            for one in self._supply.streams.values()
            if one.leads and one.peer == site and not one.ended and self._directory.trust(*one.applications) == trust
        )
        return max(0.0, self._rates.bps(site, trust) - promised)

    def join(self, peer: str, message: kx.JoinStream, now: float) -> Step:
        """An application at another site opens its end of a stream that this site leads.

        Raises:
            ProtocolError: the other site may not ask this.
        """
        may = self._access.plausible(peer, message.application, (message.peer,))
        sites = self._directory.sites
        may = may and (sites[message.application], sites[message.peer]) == (peer, self._supply.site)
        if not may or message.peer > message.application or len(message.stream) != ID_BYTES:
            raise ProtocolError(f"site {peer} may not open a stream of {message.application} with {message.peer}")
        verdict, step = self._admit(message.stream, message.application, message.peer, message.qos, now)
        reply = kx.StreamJoined(
            stream=verdict.stream or message.stream, status=verdict.status, qos=verdict.qos, text=verdict.text
        )
        step.actions.append(Send(peer, reply))
        step.extend(self._cut_for(message.stream, now))
        return step

    def _cut_for(self, stream: bytes, now: float) -> Step:
        """What the first end waits for, now that both are open; after the other site was told so."""
        known = self._supply.streams.get(stream)
        return self._supply.extend(known, now) if known else Step()

    # the other site

    def joined(self, peer: str, message: kx.StreamJoined, now: float) -> Step:
        """The leading site has decided; too late if nobody waits any more."""
        stream, opened = message.stream[:ID_BYTES], message.status in OPEN
        joining = self.joining.get(stream)
        if joining is None or joining.site != peer:
            late = [Send(peer, kx.StreamEnd(stream=message.stream, open=False))] if opened else []
            return Step(actions=[*late])
        del self.joining[stream]
        verdict = Verdict(message.status, stream, message.qos, message.text)
        step = self._take(joining, message, now) if opened else Step()
        step.actions.append(verdict.answer(joining.number))
        return step

    def _take(self, joining: Joining, message: kx.StreamJoined, now: float) -> Step:
        application, other = joining.request.application, joining.request.peer
        sound = possible(message.qos, self._directory.policies, math.inf) == message.qos
        if len(message.stream) != NAME_BYTES or not sound:
            raise ProtocolError(f"site {joining.site} opens a stream of {application} in a way that cannot be")
        both = message.status is StreamStatus.SUCCESS
        made = Stream(
            name=message.stream,
            applications=(other, application),
            own=(application,),
            peer=joining.site,
            leads=False,
            qos=message.qos,
            open={application, other} if both else {application},
        )
        made.used[application] = now
        self._supply.streams[made.id] = made
        return Step([made.kept()]).tell("opened", made.subject(), 0, application, other)

    def lost(self, peer: str) -> Step:
        """No connection to ``peer`` any more."""
        lost = [stream for stream, one in self.joining.items() if one.site == peer]
        return self._give_up(lost, StreamStatus.NO_QKD_CONNECTION, f"the connection to site {peer} broke")

    def timer(self, now: float) -> Step:
        """Look at the pools; answer those who have waited long enough."""
        self._rates.sample(now)
        late = [stream for stream, one in self.joining.items() if now > one.deadline]
        return self._give_up(late, StreamStatus.TIMEOUT, "the other site does not answer")

    def _give_up(self, streams: list[bytes], status: StreamStatus, text: str) -> Step:
        step = Step()
        for stream in streams:
            joining = self.joining.pop(stream)
            step.actions.append(Send(joining.site, kx.StreamEnd(stream=stream, open=False)))
            step.actions.append(Verdict(status, stream, joining.request.qos, text).answer(joining.number))
        return step


def _in_use(stream: bytes) -> Verdict:
    return Verdict(StreamStatus.STREAM_IN_USE, stream, text="this Key_stream_ID is in use")


def _new_id(entropy: Entropy) -> bytes:
    """A random UUID (RFC 9562 version 4)."""
    raw = bytearray(entropy(ID_BYTES))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    return bytes(raw)
