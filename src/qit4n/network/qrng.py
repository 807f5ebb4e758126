"""The random number generator of a site, in the network file: the model, and what no schema can say about it."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from msgspec import Meta

from qit4n.network.finding import Finding
from qit4n.network.medium import Part


class QRNG(Part, frozen=True, kw_only=True):
    """A quantum random number generator at a site (ITU-T X.1702): a device, or an emulated one, which adds nothing.

    Its output, tested and extracted, is XORed with that of the operating system's generator.
    """

    device: (
        Annotated[str, Meta(min_length=1, description="path of a stream of raw samples", examples=["/dev/qrandom0"])]
        | None
    ) = None
    emulate: Literal["vacuum-fluctuations", "photon-arrival", "beam-splitter"] | None = None
    sample_bits: Annotated[
        Literal[1, 2, 4, 8], Meta(description="bits per raw sample of a device, packed, first sample first")
    ] = 8
    min_entropy: (
        Annotated[float, Meta(gt=0, le=8, description="bits of min-entropy per raw sample that are relied on")] | None
    ) = None


def qrng_findings(qrngs: Iterable[QRNG | None]) -> Iterator[Finding]:
    """What does not fit about those of the sites, in file order."""
    for number, qrng in enumerate(qrngs):
        place = ("sites", number, "qrng")
        if qrng is None:
            continue
        if (qrng.device is None) == (qrng.emulate is None):
            yield Finding(place, "a qrng is a device or emulated", "name one of device and emulate")
        elif qrng.device is not None and qrng.min_entropy is None:
            what = "nobody says how much entropy the device gives"
            yield Finding(place, what, "add min_entropy, in bits per sample; qit rng test estimates it")
        elif qrng.device is not None and qrng.min_entropy is not None and qrng.min_entropy > qrng.sample_bits:
            what = f"{qrng.min_entropy} bits of min-entropy do not fit into samples of {qrng.sample_bits} bits"
            yield Finding((*place, "min_entropy"), what, "lower it, or mend sample_bits")
