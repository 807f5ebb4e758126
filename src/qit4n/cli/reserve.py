"""``qit reserve``: key that is to be there at a time: a rate over a window, or an amount by a deadline."""

import asyncio
import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from qit4n.adapters.system import SystemClock
from qit4n.errors import ReservationError
from qit4n.node.processes import network_of, state_directory
from qit4n.node.questions import ask
from qit4n.refpoints import mc
from qit4n.units import bits_text, rate_text

State = Annotated[Path | None, typer.Option(help="state directory of the network")]
Json = Annotated[bool, typer.Option("--json", help="one JSON document")]

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Reserve key: a rate over a window, or an amount by a deadline."
)


@app.command("add")
def add(
    master: Annotated[str, typer.Argument(help="the application that will ask for the key")],
    slave: Annotated[str, typer.Argument(help="its partner")],
    rate: Annotated[float, typer.Option(help="bits per second over the whole window")] = 0.0,
    amount: Annotated[float, typer.Option(help="bits that are ready when the window ends")] = 0.0,
    from_: Annotated[str, typer.Option("--from", help="+SECONDS from now, or a time as 2026-12-01T08:00")] = "+0",
    until: Annotated[str, typer.Option(help="end of the window, or the deadline, in the same form")] = "+600",
    state: State = None,
    json_: Json = False,
) -> None:
    """Ask for a reservation; if it does not fit, tell what would."""
    wish = mc.Reserve(
        between=(master, slave), rate_bps=rate, amount_bits=amount, from_at=_moment(from_), until_at=_moment(until)
    )
    answer = _ask(wish, state)
    if json_:
        print(msgspec.json.encode(answer).decode())
    if not isinstance(answer, mc.ReserveAnswer):
        raise ReservationError(f"the controller answered {type(answer).__name__}")
    if answer.admitted is None:
        instead = "; ".join(_wish_text(one) for one in answer.proposals) or "nothing"
        raise ReservationError(f"the links cannot make this beside what is reserved; possible: {instead}")
    if not json_:
        print(_text(answer.admitted))


@app.command("list")
def list_(state: State = None, json_: Json = False) -> None:
    """All reservations that are not over."""
    _show(_ask(mc.AskReservations(), state), json_=json_)


@app.command("cancel")
def cancel(
    name: Annotated[str, typer.Argument(metavar="ID", help="as told by add and list")],
    state: State = None,
    json_: Json = False,
) -> None:
    """Take a reservation back; tells those that are left."""
    _show(_ask(mc.CancelReservation(id=name), state), json_=json_)


def _ask(question: mc.McQuestion, state: Path | None) -> mc.McAnswer:
    directory = state_directory(state)
    answer = asyncio.run(ask(network_of(directory), directory, question))
    if isinstance(answer, mc.NotPossible):
        raise ReservationError(answer.text)
    return answer


def _show(answer: mc.McAnswer, *, json_: bool) -> None:
    if json_:
        print(msgspec.json.encode(answer).decode())
    elif isinstance(answer, mc.Reservations):
        print("\n".join(map(_text, answer.reservations)) or "no reservations")


def _moment(text: str) -> float:
    try:
        if text.startswith("+"):
            return SystemClock().now() + float(text[1:])
        return datetime.datetime.fromisoformat(text).astimezone().timestamp()
    except ValueError as error:
        raise ReservationError(f"{text!r} is no time: give +SECONDS or a time as 2026-12-01T08:00") from error


def _clock(at: float) -> str:
    return datetime.datetime.fromtimestamp(at).astimezone().isoformat(timespec="seconds")


def _text(one: mc.Reservation) -> str:
    first, last = one.segments[0], one.segments[-1]
    bits = sum((part.until_at - part.from_at) * part.rate_bps for part in one.segments)
    what = f"{bits_text(int(bits))} ready by" if last.rate_bps == 0 else f"{rate_text(first.rate_bps)} until"
    return f"{one.id}: {' to '.join(one.between)}, from {_clock(first.from_at)}, {what} {_clock(last.until_at)}"


def _wish_text(one: mc.Reserve) -> str:
    what = rate_text(one.rate_bps) if one.rate_bps else bits_text(int(one.amount_bits))
    return f"{what} from {_clock(one.from_at)} until {_clock(one.until_at)}"
