"""``qit rng``: sources of randomness (ITU-T X.1702): assess samples, extract from a device, see those of a network."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from qit4n.adapters.qrng import READ_BYTES, claim_of, opened
from qit4n.adapters.system import system_entropy
from qit4n.cli.key import CA, JSON, KME, Cert, Key, State, where
from qit4n.cli.status import entropy_table, status_now
from qit4n.cli.tabletext import screen
from qit4n.errors import EntropyError
from qit4n.network.qrng import QRNG
from qit4n.quantum.qrng.assessment import ENOUGH_SAMPLES, Assessment, assess
from qit4n.quantum.qrng.health import cutoffs
from qit4n.quantum.qrng.sources import EMULATED
from qit4n.quantum.qrng.tap import Counts, Tap, seed_bytes
from qit4n.service.client import KMEClient

app = typer.Typer(
    add_completion=False, help="Sources of randomness: assess samples, extract from a device.", no_args_is_help=True
)

Model = Literal["vacuum-fluctuations", "photon-arrival", "beam-splitter"]
Emulate = Annotated[Model | None, typer.Option(help="an emulated source instead of a device")]
SampleBits = Annotated[int, typer.Option(min=1, max=8, help="bits per raw sample")]


@app.command("test")
def assess_samples(
    stream: Annotated[Path | None, typer.Argument(help="file, FIFO or device with raw samples")] = None,
    emulate: Emulate = None,
    sample_bits: SampleBits = 8,
    packed: Annotated[bool, typer.Option(help="samples of 1, 2 or 4 bits lie side by side, not one to a byte")] = False,
    samples: Annotated[int, typer.Option(min=10_000, help="how many samples to read")] = ENOUGH_SAMPLES,
    json_: Annotated[bool, typer.Option("--json", help="one JSON document")] = False,
) -> None:
    """Estimate the min-entropy of raw samples by the ten estimators of NIST SP 800-90B (non-IID track)."""
    qrng = _source(stream, emulate, 8 if sample_bits not in {1, 2, 4} else sample_bits, None)
    claim = claim_of(qrng)
    wide = emulate is None and not packed
    wanted = samples if wide else -(-samples * claim.sample_bits // 8)
    raw = _read(qrng, wanted)
    found = np.frombuffer(raw, np.uint8) if wide else claim.samples(raw)[:samples]
    try:
        assessment = assess(found, sample_bits if emulate is None else claim.sample_bits)
    except ValueError as error:
        raise EntropyError(f"{stream or emulate}: {error}") from error
    if json_:
        print(msgspec.json.encode(_document(assessment)).decode())
    else:
        model = EMULATED[emulate].claim.min_entropy if emulate else None
        _print(assessment, str(stream or f"emulated {emulate}"), model)


def _source(stream: Path | None, emulate: Model | None, sample_bits: int, min_entropy: float | None) -> QRNG:
    if (stream is None) == (emulate is None):
        raise typer.BadParameter("name a stream, or --emulate a source")
    known: dict[int, Literal[1, 2, 4, 8]] = {1: 1, 2: 2, 4: 4, 8: 8}
    if sample_bits not in known:
        raise typer.BadParameter("samples that lie side by side have 1, 2, 4 or 8 bits")
    device = str(stream) if stream else None
    return QRNG(device=device, emulate=emulate, sample_bits=known[sample_bits], min_entropy=min_entropy)


def _read(qrng: QRNG, size: int) -> bytes:
    parts, got = [], 0
    try:
        with opened(qrng) as read:
            while got < size and (part := read(min(READ_BYTES, size - got))):
                parts.append(part)
                got += len(part)
    except OSError as error:
        raise EntropyError(f"{qrng.device} cannot be read: {error.strerror}") from error
    return b"".join(parts)


def _document(found: Assessment) -> dict[str, object]:
    return {
        "samples": found.samples,
        "sample_bits": found.sample_bits,
        "alphabet": found.alphabet,
        "min_entropy": found.min_entropy,
        "estimates": [
            {"clause": row.clause, "name": row.name, "of_samples": row.of_samples, "of_bits": row.of_bits}
            for row in found.estimates
        ],
    }


def _print(found: Assessment, name: str, model: float | None) -> None:
    title = f"{name}: {found.samples:,} samples of {found.sample_bits} bits, {found.alphabet} different values"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("NIST SP 800-90B")
    table.add_column("estimator")
    for heading in ("bits/sample", "bits/bit", "of the bits, per sample"):
        table.add_column(heading, justify="right")
    for row in found.estimates:
        bits = row.of_bits
        table.add_row(
            row.clause,
            row.name,
            "-" if row.of_samples is None else f"{row.of_samples:.6f}",
            "-" if bits is None else f"{bits:.6f}",
            "-" if bits is None else f"{bits * found.sample_bits:.6f}",
        )
    screen().print(table)
    print(f"min-entropy: {found.min_entropy:.6f} bits per sample of {found.sample_bits}, by {found.lowest.name}")
    if model is not None:
        print(f"by the model of the source: {model:.6f}")
    if found.samples < ENOUGH_SAMPLES:
        print(f"fewer than the {ENOUGH_SAMPLES:,} samples that SP 800-90B asks for: the estimate is lower for that")
    limits = cutoffs(found.min_entropy, found.sample_bits) if found.min_entropy > 0 else None
    if limits:
        print(
            f"health tests for it: {limits.repetitions} repetitions; "
            f"{limits.proportion} equal in a window of {limits.window}"
        )


@app.command()
def serve(
    stream: Annotated[Path | None, typer.Argument(help="file, FIFO or device with raw samples, packed")] = None,
    emulate: Emulate = None,
    sample_bits: SampleBits = 8,
    min_entropy: Annotated[float | None, typer.Option(help="bits of min-entropy per sample that are relied on")] = None,
    size: Annotated[int | None, typer.Option("--bytes", min=1, help="stop after so many bytes")] = None,
) -> None:
    """Write tested and extracted bytes to standard output, until a health test fails (exit code 22)."""
    if sys.stdout.isatty():
        raise typer.BadParameter("standard output is a terminal: send it to a file or a pipe")
    if stream is not None and min_entropy is None:
        raise typer.BadParameter("say --min-entropy: how many bits of it a sample has; qit rng test estimates it")
    qrng = _source(stream, emulate, sample_bits, min_entropy)
    claim = claim_of(qrng)
    tap, left = Tap(claim, system_entropy(seed_bytes(claim)), Counts()), size
    try:
        with opened(qrng) as read:
            while left is None or left > 0:
                raw = read(READ_BYTES)
                if not raw:
                    raise EntropyError("the stream ended")
                part = tap.feed(raw)[:left]
                sys.stdout.buffer.write(part)
                left = None if left is None else left - len(part)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise typer.Exit from None
    except OSError as error:
        raise EntropyError(f"{qrng.device} cannot be read: {error.strerror}") from error


@app.command()
def report(state: State = None, json_: JSON = False) -> None:
    """Show the entropy source of every site of the running network."""
    found = status_now(state)
    if json_:
        print(msgspec.json.encode({site.site: site.entropy for site in found.sites}).decode())
    else:
        screen().print(entropy_table(found))


@app.command()
def get(
    as_: Annotated[str, typer.Option("--as", help="SAE ID of the asking application")],
    bits: Annotated[int, typer.Option(min=1, max=8192, help="how many bits")] = 256,
    state: State = None,
    kme: KME = None,
    cert: Cert = None,
    key: Key = None,
    ca: CA = None,
) -> None:
    """Get random bits from the KME of an application (SKIP /entropy), in hexadecimal."""
    with KMEClient(*where(as_, state, kme, cert, key, ca)) as client:
        print(client.entropy(bits).hex())
