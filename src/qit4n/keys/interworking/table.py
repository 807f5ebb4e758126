"""The states of keys that cross between two networks, as tables: (state, event) -> (action, next state).

What is in no row does not count: the state stays. Once a handover has begun, its keys are either acknowledged as
relayed, and the master gets them, or they are voided until the other network has said what became of them: the same
key is never handed over a second time (ETSI GS QKD 020, "Operation of the API").
"""

from enum import StrEnum


class Handing(StrEnum):
    """States of a handover, at the network that gives."""

    SENDING = "sending"  # handed over, no answer yet
    ACCEPTED = "accepted"  # 202: an acknowledgement will come
    RELAYED = "relayed"  # the other network has brought the keys to their targets
    VOIDING = "voiding"  # they may be there and must not be used: void, until that is settled
    OVER = "over"


class Handed(StrEnum):
    """Events of a handover."""

    ACCEPTED = "202"
    RELAYED = "acknowledged as relayed"
    FAILED = "acknowledged as failed"
    REFUSED = "400, 401, or nothing was sent"
    UNCLEAR = "any other answer, or none"
    LATE = "no acknowledgement in time"
    WITHDRAWN = "the master was refused"
    RESTARTED = "this process has started again"
    VOIDED = "the other network voids"
    SETTLED = "the void is acknowledged"
    OLD = "long ago"


class Give(StrEnum):
    """What the giving network does."""

    WAIT = "wait"
    HOLD = "tell the master's site that the keys are held"
    REFUSE = "tell the master's site that they are not"
    REFUSE_AND_VOID = "tell the master's site that they are not, and void"
    VOID = "void"
    FORGET = "forget"


HANDOVER: dict[tuple[Handing, Handed], tuple[Give, Handing]] = {
    (Handing.SENDING, Handed.ACCEPTED): (Give.WAIT, Handing.ACCEPTED),
    (Handing.SENDING, Handed.RELAYED): (Give.HOLD, Handing.RELAYED),
    (Handing.SENDING, Handed.FAILED): (Give.REFUSE_AND_VOID, Handing.VOIDING),
    (Handing.SENDING, Handed.REFUSED): (Give.REFUSE, Handing.OVER),
    (Handing.SENDING, Handed.UNCLEAR): (Give.REFUSE_AND_VOID, Handing.VOIDING),
    (Handing.SENDING, Handed.LATE): (Give.REFUSE_AND_VOID, Handing.VOIDING),
    (Handing.SENDING, Handed.WITHDRAWN): (Give.VOID, Handing.VOIDING),
    (Handing.SENDING, Handed.RESTARTED): (Give.VOID, Handing.VOIDING),
    (Handing.SENDING, Handed.VOIDED): (Give.REFUSE_AND_VOID, Handing.VOIDING),
    (Handing.ACCEPTED, Handed.RELAYED): (Give.HOLD, Handing.RELAYED),
    (Handing.ACCEPTED, Handed.FAILED): (Give.REFUSE_AND_VOID, Handing.VOIDING),
    (Handing.ACCEPTED, Handed.LATE): (Give.REFUSE_AND_VOID, Handing.VOIDING),
    (Handing.ACCEPTED, Handed.WITHDRAWN): (Give.VOID, Handing.VOIDING),
    (Handing.ACCEPTED, Handed.RESTARTED): (Give.VOID, Handing.VOIDING),
    (Handing.ACCEPTED, Handed.VOIDED): (Give.REFUSE_AND_VOID, Handing.VOIDING),
    (Handing.RELAYED, Handed.WITHDRAWN): (Give.VOID, Handing.VOIDING),
    (Handing.RELAYED, Handed.OLD): (Give.FORGET, Handing.OVER),
    (Handing.VOIDING, Handed.SETTLED): (Give.FORGET, Handing.OVER),
    (Handing.VOIDING, Handed.REFUSED): (Give.FORGET, Handing.OVER),
    (Handing.VOIDING, Handed.OLD): (Give.FORGET, Handing.OVER),
}


class Taking(StrEnum):
    """States of a takeover, at the network that takes."""

    RELAYING = "relaying"  # on the way to the sites of the targets
    TELLING = "telling"  # the result is to be acknowledged
    TOLD = "told"  # it is; the ids are remembered for a while
    VOIDING = "voiding"  # it could not be told: the copies are taken back, and the giver is told so
    OVER = "over"


class Taken(StrEnum):
    """Events of a takeover."""

    HELD = "all sites of the targets hold their copies"
    FAILED = "one cannot"
    VOIDED = "the other network voids"
    RESTARTED = "this process has started again"
    TOLD = "the acknowledgement is taken"
    REFUSED = "the acknowledgement is refused: 400"
    LATE = "it cannot have been taken, for long"
    REPEATED = "the other network hands over the same again"
    SETTLED = "the void is answered"
    OLD = "long ago"


class Take(StrEnum):
    """What the taking network does."""

    TELL = "acknowledge"
    WITHDRAW_AND_TELL = "take the copies back, and acknowledge"
    VOID_BACK = "take the copies back, and void towards the giver"
    REMEMBER = "remember"
    FORGET = "forget"


TAKEOVER: dict[tuple[Taking, Taken], tuple[Take, Taking]] = {
    (Taking.RELAYING, Taken.HELD): (Take.TELL, Taking.TELLING),
    (Taking.RELAYING, Taken.FAILED): (Take.WITHDRAW_AND_TELL, Taking.TELLING),
    (Taking.RELAYING, Taken.VOIDED): (Take.WITHDRAW_AND_TELL, Taking.TELLING),
    (Taking.RELAYING, Taken.RESTARTED): (Take.WITHDRAW_AND_TELL, Taking.TELLING),
    (Taking.TELLING, Taken.TOLD): (Take.REMEMBER, Taking.TOLD),
    (Taking.TELLING, Taken.REFUSED): (Take.VOID_BACK, Taking.VOIDING),
    (Taking.TELLING, Taken.LATE): (Take.VOID_BACK, Taking.VOIDING),
    (Taking.TELLING, Taken.OLD): (Take.REMEMBER, Taking.TOLD),
    (Taking.TELLING, Taken.REPEATED): (Take.TELL, Taking.TELLING),
    (Taking.TELLING, Taken.VOIDED): (Take.REMEMBER, Taking.TOLD),
    (Taking.TOLD, Taken.REPEATED): (Take.TELL, Taking.TELLING),
    (Taking.TOLD, Taken.OLD): (Take.FORGET, Taking.OVER),
    (Taking.VOIDING, Taken.SETTLED): (Take.REMEMBER, Taking.TOLD),
    (Taking.VOIDING, Taken.OLD): (Take.FORGET, Taking.OVER),
}
