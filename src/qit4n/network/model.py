"""The typed model of the network file. Units stand in the names; defaults are those of the JSON Schema.

Everything here is immutable data: who reads a file gets a :class:`Network`, whoever needs a changed one makes
a new one (``msgspec.structs.replace``).
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Identifier = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._~-]{0,63}$(?!\n)",  # in some dialects $ fits before a last line break
        description="1 to 64 letters, digits, '.', '_', '~' or '-' (ETSI GS QKD 020 limits)",
        examples=["vienna-1"],
    ),
]
Host = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9:][A-Za-z0-9.:-]{0,252}$(?!\n)",
        description="name or address at which the process listens",
        examples=["127.0.0.1"],
    ),
]

PORTS_OF_A_SITE = 3


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of all parts of the file: unknown members are errors, never ignored."""


class Site(Part, frozen=True, kw_only=True):
    """A QKD node: one trusted site with a key manager and QKD modules (ITU-T Y.3800)."""

    id: Identifier
    name: str = ""
    latitude_deg: Annotated[float, Meta(ge=-90, le=90, description="WGS 84")] | None = None
    longitude_deg: Annotated[float, Meta(ge=-180, le=180, description="WGS 84")] | None = None
    trust_domain: Identifier = "default"
    host: Host = "127.0.0.1"


class Medium(Part, frozen=True, kw_only=True):
    """What the photons cross. ``loss_db`` is the whole loss between the two modules, connectors included."""

    kind: Literal["fibre", "free-space"] = "fibre"
    length_km: Annotated[float, Meta(ge=0, description="length in km", examples=[25.0])]
    loss_db: Annotated[float, Meta(ge=0, le=100, description="total loss in dB", examples=[5.2])]


class Module(Part, frozen=True, kw_only=True):
    """A pair of QKD modules: decoy-state BB84, or BBM92, with two threshold detectors and active basis choice.

    The Z basis makes the key, the X basis tests the phase error. Probabilities of dark counts and afterpulses
    are per detector: dark counts per gate (one gate per pulse), afterpulses per click.
    """

    protocol: Literal["one-decoy-bb84", "two-decoy-bb84", "bbm92"] = "one-decoy-bb84"
    pulse_rate_hz: Annotated[float, Meta(ge=1e3, le=1e11, description="pulses per second", examples=[1e8])]
    signal_intensity: Annotated[float, Meta(gt=0, le=2, description="mean photons per signal pulse")] = 0.35
    decoy_intensity: Annotated[float, Meta(gt=0, le=2, description="mean photons per decoy pulse")] = 0.11
    signal_probability: Annotated[
        float, Meta(gt=0, lt=1, description="share of signal pulses; the rest are decoys")
    ] = 0.3
    second_decoy_intensity: Annotated[
        float, Meta(ge=0, le=2, description="mean photons per pulse of the weaker decoys of two-decoy-bb84")
    ] = 0.0
    second_decoy_probability: Annotated[
        float, Meta(gt=0, lt=1, description="share of the weaker decoys of two-decoy-bb84")
    ] = 0.1
    pairs_per_pulse: Annotated[
        float, Meta(gt=0, le=1, description="mean entangled pairs per pulse of bbm92, made at the transmitter's end")
    ] = 0.02
    key_basis_probability: Annotated[
        float, Meta(gt=0, lt=1, description="probability of the Z (key) basis, chosen so by both ends")
    ] = 0.77
    receiver_loss_db: Annotated[float, Meta(ge=0, le=50, description="loss in dB between fibre and detectors")] = 0.0
    detector_efficiency: Annotated[float, Meta(gt=0, le=1, description="chance that a photon makes a click")] = 0.2
    dark_count_probability: Annotated[float, Meta(ge=0, lt=1, description="per detector and gate")] = 1e-6
    dead_time_s: Annotated[float, Meta(ge=0, le=1, description="of both detectors after a click")] = 0.0
    afterpulse_probability: Annotated[float, Meta(ge=0, lt=1, description="per click")] = 0.0
    trap_lifetime_s: Annotated[float, Meta(ge=0, description="mean time from the dead time's end to an afterpulse")] = (
        1e-6
    )
    misalignment: Annotated[
        float, Meta(ge=0, le=0.5, description="chance that a photon goes to the wrong detector")
    ] = 0.01
    block_bits: Annotated[
        int, Meta(ge=10_000, le=100_000_000, description="sifted key-basis bits that make one block")
    ] = 200_000


File = Annotated[
    str,
    Meta(min_length=1, description="PEM file; a relative path starts at the network file", examples=["box/cert.pem"]),
]


class DeviceEnd(Part, frozen=True, kw_only=True):
    """How one site reaches its end of a device: as a secure application entity (SAE) of the device's interface."""

    kme: Annotated[
        str,
        Meta(
            pattern=r"^(https|tls)://[^\s/?#@]+/?$(?!\n)",
            description="base URL of the device's key manager at this site; for etsi-004 tls://host:port",
            examples=["https://kme-a.example:443"],
        ),
    ]
    sae: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=256,
            description="SAE ID, or application id, under which the device knows this site",
        ),
    ]
    cert: File
    key: File
    ca: File


class Device(Part, frozen=True, kw_only=True):
    """Devices of a vendor, in the place of emulated modules: finished key over a standard interface (Kq-1)."""

    interface: Annotated[
        Literal["etsi-014", "etsi-004"], Meta(description="ETSI GS QKD 014 (keys) or 004 (key streams)")
    ]
    ends: Annotated[dict[Identifier, DeviceEnd], Meta(description="by site id: the two ends of each link, at least")]


class Eavesdropper(Part, frozen=True, kw_only=True):
    """An intercept-resend attack on a share of the pulses of an emulated quantum channel."""

    intercept_fraction: Annotated[
        float, Meta(ge=0, le=1, description="share of the pulses that are measured and sent again", examples=[0.25])
    ]


class Link(Part, frozen=True, kw_only=True):
    """A QKD link: quantum channel and classical channel between the modules of two sites (ITU-T Y.3800)."""

    id: Identifier
    ends: Annotated[
        tuple[Identifier, Identifier], Meta(description="two site ids, the transmitter first", examples=[["A", "B"]])
    ]
    medium: Medium
    module: Annotated[str, Meta(description="a name from 'modules' or 'devices'")]
    eavesdropper: Eavesdropper | None = None


class Limits(Part, frozen=True, kw_only=True):
    """How much one application may ask; 0 is no limit."""

    requests_per_s: Annotated[float, Meta(ge=0, description="requests per second; as many at once")] = 0.0
    key_bits_per_day: Annotated[float, Meta(ge=0, description="bits of key as master, flowing in over a day")] = 0.0


class Application(Part, frozen=True, kw_only=True):
    """A cryptographic application: its id is its SAE ID (ETSI GS QKD 014), in its certificate."""

    id: Identifier
    site: Identifier
    limits: Annotated[Limits | None, Meta(description="if absent, those of the policies")] = None


class Trust(Part, frozen=True, kw_only=True):
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

    @property
    def shares_needed(self) -> int:
        """How many shares make the key: so many disjoint paths must be broken to learn it."""
        return self.threshold or self.paths

    def __str__(self) -> str:
        """A few words for tables, as ``2 of 3 paths, xor-at-destination``."""
        count = "1 path" if self.paths == 1 else f"{self.shares_needed} of {self.paths} paths"
        how = f"central at {self.centre}" if self.centre else self.scheme
        return f"{count}, {how}"


class Demand(Part, frozen=True, kw_only=True):
    """Two applications that may share keys, either of them as master. What is not demanded is refused."""

    between: Annotated[
        tuple[Identifier, Identifier], Meta(description="two application ids", examples=[["sae-a", "sae-b"]])
    ]
    pool_bits: Annotated[int, Meta(ge=1024, description="key kept ready end to end, per direction, in bits")] = 65_536
    trust: Trust = Trust()


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
    max_qber: Annotated[float, Meta(gt=0, le=0.11, description="a block above it yields no key")] = 0.08


class Network(Part, frozen=True, kw_only=True):
    """A quantum network: the one description that is planned, simulated, run, assessed and evolved."""

    qit4n: Annotated[int, Meta(ge=1, le=1, description="version of the file format", examples=[1])]
    name: Identifier
    title: str = ""
    notes: str = ""
    sites: Annotated[tuple[Site, ...], Meta(min_length=1)]
    modules: dict[Identifier, Module] = {}
    devices: dict[Identifier, Device] = {}
    links: tuple[Link, ...] = ()
    applications: tuple[Application, ...] = ()
    demands: tuple[Demand, ...] = ()
    policies: Policies = Policies()
    controller_host: Host = "127.0.0.1"
    base_port: Annotated[
        int,
        Meta(ge=1024, le=65_000, description="first TCP port: the controller; then three per site", examples=[28000]),
    ] = 28_000

    def site(self, site_id: str) -> Site:
        """The site with this id."""
        return next(site for site in self.sites if site.id == site_id)

    def link(self, link_id: str) -> Link:
        """The link with this id."""
        return next(link for link in self.links if link.id == link_id)

    def device_of(self, link: Link) -> Device | None:
        """The device behind a link, or None: its modules are emulated."""
        return self.devices.get(link.module)

    def application(self, application_id: str) -> Application | None:
        """The application with this id, or None."""
        return next((one for one in self.applications if one.id == application_id), None)

    def links_of(self, site_id: str) -> tuple[Link, ...]:
        """The links that end at a site, in file order."""
        return tuple(link for link in self.links if site_id in link.ends)

    def controller_port(self) -> int:
        """TCP port of the controller (Ck, Mc): the base port itself."""
        return self.base_port

    def key_manager_port(self, site_id: str) -> int:
        """TCP port of a site for other sites (Kx and the channels of its QKD links)."""
        return self.base_port + 1 + PORTS_OF_A_SITE * self._index(site_id)

    def kme_port(self, site_id: str) -> int:
        """TCP port of a site for applications (Ak: ETSI GS QKD 014)."""
        return self.base_port + 2 + PORTS_OF_A_SITE * self._index(site_id)

    def key_stream_port(self, site_id: str) -> int:
        """TCP port of a site for applications with key streams (Ak: ETSI GS QKD 004)."""
        return self.base_port + 3 + PORTS_OF_A_SITE * self._index(site_id)

    def last_port(self) -> int:
        """The highest TCP port that is used."""
        return self.base_port + PORTS_OF_A_SITE * len(self.sites)

    def _index(self, site_id: str) -> int:
        return next(index for index, site in enumerate(self.sites) if site.id == site_id)
