"""The typed model of the network file. Units stand in the names; defaults are those of the JSON Schema.

Everything here is immutable data: who reads a file gets a :class:`Network`, whoever needs a changed one makes
a new one (``msgspec.structs.replace``).
"""

import itertools
from typing import Annotated, Literal

from msgspec import Meta

from qit4n.network.medium import Emulation, Part
from qit4n.network.medium import Identifier as Identifier  # noqa: PLC0414
from qit4n.network.medium import Medium as Medium  # noqa: PLC0414 - part of the model
from qit4n.network.policies import Limits as Limits  # noqa: PLC0414
from qit4n.network.policies import Policies as Policies  # noqa: PLC0414
from qit4n.network.policies import Trust as Trust  # noqa: PLC0414
from qit4n.network.qrng import QRNG
from qit4n.network.telemetry import Telemetry

Host = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9:][A-Za-z0-9.:-]{0,252}$(?!\n)",
        description="name or address at which the process listens",
        examples=["127.0.0.1"],
    ),
]

PORTS_OF_THE_NETWORK = 2  # controller and manager
PORTS_OF_A_SITE = 5
TWIN_FIELDS = ("twin-field", "sns-twin-field")
TWO_SENDERS = ("mdi", *TWIN_FIELDS)
"""Protocols in which both ends send, to a middle."""


class Site(Part, frozen=True, kw_only=True):
    """A QKD node: one trusted site with a key manager and QKD modules (ITU-T Y.3800)."""

    id: Identifier
    name: str = ""
    latitude_deg: Annotated[float, Meta(ge=-90, le=90, description="WGS 84")] | None = None
    longitude_deg: Annotated[float, Meta(ge=-180, le=180, description="WGS 84")] | None = None
    trust_domain: Identifier = "default"
    host: Host = "127.0.0.1"
    first_port: (
        Annotated[int, Meta(ge=1024, le=65_531, description="of its five TCP ports; if absent, by its place")] | None
    ) = None
    qrng: QRNG | None = None


class Module(Part, frozen=True, kw_only=True):
    """A pair of QKD modules: BB84 (decoys or single photons) or BBM92, two threshold detectors, active basis choice.

    Or two transmitters, each with two decoys, and a middle that nobody trusts: of four detectors (mdi), or of two, for
    lasers in phase (twin-field; sns-twin-field: sending or not sending).
    The Z basis makes the key, the X basis tests the phase error. Probabilities of dark counts and afterpulses are per
    detector: dark counts per gate (one gate per pulse), afterpulses per click.
    """

    protocol: Literal[
        "one-decoy-bb84", "two-decoy-bb84", "single-photon-bb84", "bbm92", "mdi", "twin-field", "sns-twin-field"
    ] = "one-decoy-bb84"
    pulse_rate_hz: Annotated[float, Meta(ge=1e3, le=1e11, description="pulses per second", examples=[1e8])]
    signal_intensity: Annotated[float, Meta(gt=0, le=2, description="mean photons per signal pulse")] = 0.35
    decoy_intensity: Annotated[float, Meta(gt=0, le=2, description="mean photons per decoy pulse")] = 0.11
    signal_probability: Annotated[
        float,
        Meta(
            gt=0,
            lt=1,
            description="share of signal pulses, the rest are decoys; of sns-twin-field, share of key windows",
        ),
    ] = 0.3
    second_decoy_intensity: Annotated[
        float, Meta(ge=0, le=2, description="mean photons per pulse of the weaker decoys, of protocols with two")
    ] = 0.0
    second_decoy_probability: Annotated[
        float, Meta(gt=0, lt=1, description="share of the weaker decoys, of protocols with two")
    ] = 0.1
    brightness: Annotated[float, Meta(gt=0, le=1, description="mean photons per pulse of single-photon-bb84")] = 0.1
    g2: Annotated[float, Meta(ge=0, le=1, description="g2(0) of the source of single-photon-bb84")] = 0.02
    key_intensity: Annotated[
        float, Meta(gt=0, le=2, description="mean photons of the phase-coded pulses of twin-field, in the key basis")
    ] = 0.03
    pairs_per_pulse: Annotated[
        float, Meta(gt=0, le=1, description="mean entangled pairs per pulse of bbm92, made at the transmitter's end")
    ] = 0.02
    key_basis_probability: Annotated[
        float, Meta(gt=0, lt=1, description="probability of the Z (key) basis, chosen so by both ends")
    ] = 0.77
    receiver_loss_db: Annotated[float, Meta(ge=0, le=50, description="loss in dB between fibre and detectors")] = 0.0
    detector_efficiency: Annotated[float, Meta(gt=0, le=1, description="chance that a photon makes a click")] = 0.2
    dark_count_probability: Annotated[float, Meta(ge=0, lt=1, description="per detector and gate")] = 1e-6
    dead_time_s: Annotated[float, Meta(ge=0, le=1, description="of all detectors after a click of any")] = 0.0
    afterpulse_probability: Annotated[float, Meta(ge=0, lt=1, description="per click")] = 0.0
    trap_lifetime_s: Annotated[float, Meta(ge=0, description="mean time from the dead time's end to an afterpulse")] = (
        1e-6
    )
    misalignment: Annotated[
        float, Meta(ge=0, le=0.5, description="chance that a photon goes to the wrong detector")
    ] = 0.01
    gate_s: Annotated[
        float, Meta(gt=0, le=1e-3, description="width of a detection gate, for light that is not the transmitter's")
    ] = 1e-9
    block_bits: Annotated[
        int,
        Meta(
            ge=10_000,
            le=100_000_000,
            description="sifted key-basis bits that make one block; of sns-twin-field, clicks of the middle",
        ),
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
    ducts: Annotated[
        tuple[Identifier, ...],
        Meta(
            description="ducts, cables, bridges that its fibre runs through; what breaks one breaks all links in it "
            "(shared risk link groups, RFC 4202)",
            examples=[["river-crossing"]],
        ),
    ] = ()
    eavesdropper: Eavesdropper | None = None


class Neighbour(Part, frozen=True, kw_only=True):
    """Another network to which keys are handed, and from which they are taken, at an interworking node (Y.3810).

    Two key managers stand in one secure room, one of each network, and speak ETSI GS QKD 020.
    """

    site: Annotated[Identifier, Meta(description="the site of this network that is in the interworking node")]
    url: Annotated[
        str,
        Meta(
            pattern=r"^https://[^\s/?#@]+/?$(?!\n)",
            description="base URL of the other network's key manager there",
            examples=["https://192.0.2.20:28006"],
        ),
    ]
    identity: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=1024,
            description="who that is, as its certificate says: a URI, a DNS name, or its common name",
            examples=["urn:qit4n:south:site:south-gate"],
        ),
    ]
    ca: Annotated[File, Meta(description="the authority that signed its certificate, trusted for this purpose only")]
    applications: Annotated[
        tuple[Identifier, ...], Meta(min_length=1, description="the applications that are reached through it")
    ]
    callbacks: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^https://[^\s?#@]+$(?!\n)", max_length=1024)], ...],
        Meta(
            description="where it may want acknowledgements: whole URLs or, with a / at the end, how they begin; "
            "if none is given, where ETSI GS QKD 020 has them below its url",
            examples=[["https://192.0.2.20:28006/kmapi/"]],
        ),
    ] = ()


class Switch(Part, frozen=True, kw_only=True):
    """An optical switch, a quantum relay point (ITU-T Y.3802): one module of a site serves many partners in turn."""

    id: Identifier
    site: Annotated[Identifier, Meta(description="where the switch and the module that it shares stand")]
    links: Annotated[
        tuple[Identifier, ...],
        Meta(min_length=2, description="those that share the module, in order of their turns"),
    ]
    loss_db: Annotated[float, Meta(ge=0, le=20, description="of the switch, beside that of each medium")] = 1.0
    retune_s: Annotated[float, Meta(ge=0, le=60, description="no light passes while it turns")] = 0.02
    relock_s: Annotated[
        float, Meta(ge=0, le=600, description="then no key is made until clock and polarisation are found again")
    ] = 0.1
    period_s: Annotated[
        float, Meta(gt=0, le=3600, description="one round: each link has its slot once", examples=[5.0])
    ]


class Application(Part, frozen=True, kw_only=True):
    """A cryptographic application: its id is its SAE ID (ETSI GS QKD 014), in its certificate.

    Several sites of one trusted boundary may serve it together: its homes.
    """

    id: Identifier
    site: Identifier
    also_at: Annotated[
        tuple[Identifier, ...],
        Meta(description="further sites that serve it, in order, when the ones before cannot (dual homing)"),
    ] = ()
    limits: Annotated[Limits | None, Meta(description="if absent, those of the policies")] = None

    @property
    def homes(self) -> tuple[Identifier, ...]:
        """All sites that serve it."""
        return (self.site, *self.also_at)


class Demand(Part, frozen=True, kw_only=True):
    """Two applications that may share keys, either of them as master. What is not demanded is refused."""

    between: Annotated[
        tuple[Identifier, Identifier], Meta(description="two application ids", examples=[["sae-a", "sae-b"]])
    ]
    pool_bits: Annotated[int, Meta(ge=1024, description="key kept ready end to end, per direction, in bits")] = 65_536
    trust: Trust = Trust()
    priority: Annotated[
        int, Meta(ge=0, le=7, description="where key is scarce the higher is filled first; alike within one")
    ] = 0


class Network(Part, frozen=True, kw_only=True):
    """A quantum network: the one description that is planned, simulated, run, assessed and evolved."""

    qit4n: Annotated[int, Meta(ge=1, le=1, description="version of the file format", examples=[1])]
    name: Identifier
    title: str = ""
    notes: str = ""
    sites: Annotated[tuple[Site, ...], Meta(min_length=1)]
    modules: dict[Identifier, Module] = {}  # noqa: RUF012 - msgspec copies it
    devices: dict[Identifier, Device] = {}  # noqa: RUF012
    links: tuple[Link, ...] = ()
    switches: tuple[Switch, ...] = ()
    applications: tuple[Application, ...] = ()
    neighbours: dict[Identifier, Neighbour] = {}  # noqa: RUF012
    demands: tuple[Demand, ...] = ()
    policies: Policies = Policies()
    emulation: Emulation = Emulation()
    telemetry: Telemetry = Telemetry()
    standards: (
        Annotated[
            str,
            Meta(
                min_length=1,
                description="folder with tables of the coordination desk, which the dashboard shows instead of the "
                "shipped ones; a relative path starts at the network file",
                examples=["tables"],
            ),
        ]
        | None
    ) = None
    control: Annotated[
        Literal["central", "distributed"],
        Meta(description="one controller orders all relays, or each site decides (ITU-T Y.3802, configuration 1)"),
    ] = "central"
    controller_host: Host = "127.0.0.1"
    base_port: Annotated[
        int,
        Meta(
            ge=1024,
            le=65_000,
            description="first TCP port: controller, manager, then five per site",
            examples=[28000],
        ),
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

    def switch_of(self, link: Link) -> Switch | None:
        """The optical switch that a link crosses, or None."""
        return next((switch for switch in self.switches if link.id in switch.links), None)

    @property
    def ducts(self) -> dict[str, tuple[str, ...]]:
        """The links that run through each duct, in file order."""
        found: dict[str, tuple[str, ...]] = {}
        for link in self.links:
            for duct in dict.fromkeys(link.ducts):
                found[duct] = (*found.get(duct, ()), link.id)
        return found

    def application(self, application_id: str) -> Application | None:
        """The application with this id, or None."""
        return next((one for one in self.applications if one.id == application_id), None)

    def homes_of(self, application_id: str) -> tuple[str, ...]:
        """The sites that serve an application, the first choice first; of a foreign one the interworking node."""
        own = self.application(application_id)
        if own is not None:
            return own.homes
        found = (one.site for one in self.neighbours.values() if application_id in one.applications)
        return tuple(itertools.islice(found, 1))

    def neighbours_of(self, site_id: str) -> dict[str, Neighbour]:
        """The other networks with which a site hands keys over."""
        return {name: one for name, one in self.neighbours.items() if one.site == site_id}

    def links_of(self, site_id: str) -> tuple[Link, ...]:
        """The links that end at a site, in file order."""
        return tuple(link for link in self.links if site_id in link.ends)

    def controller_port(self) -> int:
        """TCP port of the controller (Ck, Mc): the base port itself."""
        return self.base_port

    def manager_port(self) -> int:
        """TCP port of the manager: dashboard and metrics."""
        return self.base_port + 1

    def kme_port(self, site_id: str) -> int:
        """TCP port of a site for applications (Ak: ETSI GS QKD 014 and SKIP)."""
        return self._port(site_id, 0)

    def kme_url(self, site_id: str) -> str:
        """Base URL of a site for applications."""
        host = self.site(site_id).host
        return f"https://{f'[{host}]' if ':' in host else host}:{self.kme_port(site_id)}"  # RFC 3986 3.2.2

    def key_manager_port(self, site_id: str) -> int:
        """TCP port of a site for other sites (Kx and the channels of its QKD links)."""
        return self._port(site_id, 1)

    def key_stream_port(self, site_id: str) -> int:
        """TCP port of a site for applications with key streams (Ak: ETSI GS QKD 004)."""
        return self._port(site_id, 2)

    def control_agent_port(self, site_id: str) -> int:
        """TCP port of a site for SDN controllers (ETSI GS QKD 015)."""
        return self._port(site_id, 3)

    def interworking_port(self, site_id: str) -> int:
        """TCP port of a site for key managers of other networks (ETSI GS QKD 020)."""
        return self._port(site_id, 4)

    def last_port(self) -> int:
        """The highest TCP port that may be used."""
        return max(self._port(site.id, PORTS_OF_A_SITE - 1) for site in self.sites)

    def _port(self, site_id: str, number: int) -> int:
        first = self.site(site_id).first_port
        if first is None:
            first = self.base_port + PORTS_OF_THE_NETWORK + PORTS_OF_A_SITE * self._index(site_id)
        return first + number

    def _index(self, site_id: str) -> int:
        return next(index for index, site in enumerate(self.sites) if site.id == site_id)
