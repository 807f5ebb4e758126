"""Rules: sizes, life-times and limits of keys, the security that links claim, how far sites are trusted."""

from typing import Annotated, Literal

from msgspec import Meta

from qit4n.network.medium import Identifier, Part


class Limits(Part, frozen=True, kw_only=True):
    """How much one application may ask; 0 is no limit."""

    requests_per_s: Annotated[float, Meta(ge=0, description="requests per second; as many at once")] = 0.0
    key_bits_per_day: Annotated[float, Meta(ge=0, description="bits of key as master, flowing in over a day")] = 0.0
    unclaimed_key_bits: Annotated[
        float, Meta(ge=0, description="bits of key of one master that wait for it as slave, before more is refused")
    ] = 1e8


class Trust(Part, frozen=True, kw_only=True, cache_hash=True):
    """How far the sites between two applications are trusted: over which paths key is relayed, and how.

    A key is relayed in one share per node-disjoint path; who knows fewer than ``threshold`` shares knows nothing.
    """

    scheme: Annotated[
        Literal["hop-by-hop", "xor-at-destination", "central"],
        Meta(description="how a share crosses a path: decrypted at each site, or as XORs of pads (ITU-T Y.3803)"),
    ] = "hop-by-hop"
    centre: Annotated[
        Identifier | None, Meta(description="the central relay site of scheme central, on no path itself")
    ] = None
    paths: Annotated[int, Meta(ge=1, le=16, description="node-disjoint paths, one share of the key each")] = 1
    threshold: Annotated[
        int, Meta(ge=0, le=16, description="shares that make the key; 0: all (XOR), else Shamir's sharing")
    ] = 0
    excluded: Annotated[tuple[Identifier, ...], Meta(description="sites that are on no path")] = ()
    max_latency_ms: Annotated[
        float, Meta(ge=0, description="most time that light takes over a path; 0: no limit", examples=[2.0])
    ] = 0.0

    @property
    def shares_needed(self) -> int:
        """How many shares make the key: so many disjoint paths must be broken to learn it."""
        return self.threshold or self.paths

    def __str__(self) -> str:
        """A few words for tables, as ``2 of 3 paths, xor-at-destination``."""
        count = "1 path" if self.paths == 1 else f"{self.shares_needed} of {self.paths} paths"
        how = f"central at {self.centre}" if self.centre else self.scheme
        beside = f", not over {', '.join(self.excluded)}" if self.excluded else ""
        within = f", within {self.max_latency_ms:g} ms" if self.max_latency_ms else ""
        return f"{count}, {how}{beside}{within}"


class Policies(Part, frozen=True, kw_only=True):
    """Rules for the whole network. Sizes in bits, as in ETSI GS QKD 014; epsilons are per block."""

    key_size_bits: Annotated[int, Meta(ge=8, multiple_of=8, description="if a request names no size")] = 256
    min_key_size_bits: Annotated[int, Meta(ge=8, multiple_of=8)] = 64
    max_key_size_bits: Annotated[int, Meta(ge=8, le=8192, multiple_of=8)] = 4096
    max_keys_per_request: Annotated[int, Meta(ge=1, le=4096, description="most keys of one request")] = 128
    max_additional_slaves: Annotated[int, Meta(ge=0, le=32, description="slaves beside the first")] = 8
    unclaimed_key_lifetime_s: Annotated[float, Meta(gt=0, description="a slave fetches its copy within this time")] = (
        86_400.0
    )
    crypto_period_s: Annotated[
        float, Meta(ge=0, description="applications use a key this long after supply, told in Status; 0: no period")
    ] = 0.0
    preservation_s: Annotated[
        float, Meta(ge=0, description="fetched keys are kept, sealed, this long after supply; 0: erased at once")
    ] = 0.0
    max_key_age_s: Annotated[
        float, Meta(ge=0, description="key older than this leaves the pools unused; 0: no limit")
    ] = 0.0
    audit_retention_s: Annotated[
        float, Meta(ge=0, description="rows of the audit trail are kept this long, the newest always; 0: all are kept")
    ] = 0.0
    limits: Limits = Limits()
    link_stock_bits: Annotated[
        int, Meta(ge=8192, description="a link rests when each direction holds half of this")
    ] = 1_000_000
    epsilon_secrecy: Annotated[
        float, Meta(gt=0, lt=1, description="at most so far from a secret key, per block", examples=[1e-9])
    ] = 1e-9
    epsilon_correctness: Annotated[
        float, Meta(gt=0, lt=1, description="chance that the two ends differ, per block", examples=[1e-15])
    ] = 1e-15
    combine_ml_kem: Annotated[
        bool, Meta(description="XOR relayed key with bytes of an ML-KEM-768 secret of the two sites (ITU-T X.1714)")
    ] = True
    ml_kem_period_s: Annotated[
        float, Meta(gt=0, description="an ML-KEM secret is renewed after this time", examples=[3600])
    ] = 3600.0
    max_qber: Annotated[
        float,
        Meta(gt=0, le=0.11, description="a block above it yields no key; of mdi and twin fields, in the key basis"),
    ] = 0.08
