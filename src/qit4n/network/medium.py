"""What the photons of a link cross: fibre, fibre shared with classical channels, air, or space."""

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


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of all parts of the file: unknown members are errors, never ignored."""


class Neighbour(Part, frozen=True, kw_only=True):
    """A classical channel in the fibre of a quantum channel."""

    wavelength_nm: Annotated[float, Meta(ge=1260, le=1625, description="of its carrier", examples=[1550.12])]
    launch_dbm: Annotated[float, Meta(ge=-60, le=30, description="power where it enters the fibre", examples=[0.0])]
    direction: Annotated[
        Literal["with", "against"], Meta(description="with the quantum signal, or towards its transmitter")
    ] = "with"
    lit_after_s: Annotated[
        float, Meta(ge=0, description="the emulation lights it up so many seconds after its start")
    ] = 0.0


class Shared(Part, frozen=True, kw_only=True):
    """Co-fibre operation: where the quantum channel is, who else is in the fibre, and what keeps them apart."""

    wavelength_nm: Annotated[float, Meta(ge=1260, le=1625, description="of the quantum channel", examples=[1310.0])]
    neighbours: tuple[Neighbour, ...] = ()
    filter_ghz: Annotated[float, Meta(gt=0, le=5000, description="full width of the receiver's filter")] = 50.0
    isolation_db: Annotated[float, Meta(ge=0, le=200, description="of multiplexers and filters, by neighbour")] = 110.0
    raman_calibration: Annotated[
        float, Meta(gt=0, le=3, description="factor on the Raman coefficient of silica from first principles")
    ] = 0.5


class Beam(Part, frozen=True, kw_only=True):
    """A beam between two telescopes. ``loss_db`` of the medium is then what is lost in optics and coupling."""

    wavelength_nm: Annotated[float, Meta(ge=400, le=2000, description="of the photons", examples=[850.0])] = 850.0
    divergence_urad: Annotated[
        float, Meta(gt=0, le=1e4, description="full angle between the points of 1/e^2 intensity", examples=[10.0])
    ]
    receiver_m: Annotated[float, Meta(gt=0, le=10, description="diameter of the receiving telescope", examples=[1.0])]
    waist_m: Annotated[float, Meta(ge=0, le=2, description="radius of the beam where it leaves")] = 0.0
    jitter_urad: Annotated[float, Meta(ge=0, le=1e4, description="pointing error per axis, rms")] = 0.0
    visibility_km: Annotated[float, Meta(gt=0, le=300, description="of the air on a level path, at 550 nm")] = 23.0
    cn2: Annotated[float, Meta(ge=0, le=1e-11, description="turbulence on a level path, in m^(-2/3)")] = 0.0
    zenith_transmittance: Annotated[float, Meta(gt=0, le=1, description="of the atmosphere, straight up")] = 0.8
    sky_radiance: Annotated[float, Meta(ge=0, le=1000, description="seen by the receiver, in W/(m2 sr um)")] = 0.0
    field_of_view_urad: Annotated[float, Meta(gt=0, le=1e5, description="full angle that the receiver sees")] = 100.0
    filter_nm: Annotated[float, Meta(gt=0, le=100, description="width of the receiver's filter")] = 1.0
    fade_s: Annotated[
        float, Meta(ge=0, le=10, description="turbulence and pointing hold so long, then change; 0: their mean, always")
    ] = 0.05


class Orbit(Part, frozen=True, kw_only=True):
    """A circular orbit; its altitude is the ``length_km`` of the medium. It begins when the emulation does."""

    inclination_deg: Annotated[float, Meta(ge=0, le=180, description="of the orbit", examples=[97.4])]
    node_deg: Annotated[float, Meta(ge=0, lt=360, description="right ascension of the ascending node, at the start")]
    phase_deg: Annotated[float, Meta(ge=0, lt=360, description="of the satellite after its node, at the start")] = 0.0
    least_elevation_deg: Annotated[float, Meta(ge=5, lt=90, description="below it there is no link")] = 10.0
    daylight: Annotated[bool, Meta(description="whether passes in daylight count")] = False
    clear_share: Annotated[
        float, Meta(ge=0, le=1, description="share of passes without clouds; which ones, is drawn from cloud_seed")
    ] = 1.0
    cloud_seed: Annotated[int, Meta(ge=0, description="of the clouds over this link, alike in plan and emulation")] = 1


class SecondOrbit(Part, frozen=True, kw_only=True):
    """Where the satellite at the second end flies, on a circular orbit from the same start."""

    altitude_km: Annotated[float, Meta(ge=200, le=36_000, description="over the equator", examples=[550.0])]
    inclination_deg: Annotated[float, Meta(ge=0, le=180, description="of the orbit", examples=[97.4])]
    node_deg: Annotated[float, Meta(ge=0, lt=360, description="right ascension of the ascending node, at the start")]
    phase_deg: Annotated[float, Meta(ge=0, lt=360, description="of the satellite after its node, at the start")] = 0.0


class Medium(Part, frozen=True, kw_only=True):
    """What the photons cross. ``loss_db`` is the whole loss between the two modules, connectors included.

    Of a beam, splitters and bypassed sites it is what these do not account for themselves.
    """

    kind: Literal["fibre", "free-space", "satellite", "co-fibre", "inter-satellite"] = "fibre"
    length_km: Annotated[float, Meta(ge=0, description="length in km; of a satellite its altitude", examples=[25.0])]
    loss_db: Annotated[
        float,
        Meta(ge=0, le=100, description="total loss in dB; with a beam, what it does not account for", examples=[5.2]),
    ]
    middle_km: (
        Annotated[float, Meta(gt=0, description="of mdi: from the first end to the middle; half way if absent")] | None
    ) = None
    splitters: Annotated[
        tuple[Annotated[int, Meta(ge=2, le=128)], ...],
        Meta(description="of fibre: ways of each passive splitter on the way, as in a PON", examples=[[32]]),
    ] = ()
    bypasses: Annotated[
        int, Meta(ge=0, le=16, description="of fibre: sites that the light crosses in an optical switch, unmeasured")
    ] = 0
    shared: Annotated[Shared | None, Meta(description="of co-fibre: the neighbours of the quantum channel")] = None
    beam: Annotated[Beam | None, Meta(description="of free-space and satellite: the telescopes and the air")] = None
    orbit: Annotated[Orbit | None, Meta(description="of satellite: where it flies")] = None
    second_orbit: Annotated[
        SecondOrbit | None, Meta(description="of inter-satellite: where the satellite of the second end flies")
    ] = None


class Emulation(Part, frozen=True, kw_only=True):
    """When the emulated time of satellites begins, and how fast it runs. Links on the ground keep the clock's time."""

    starts: Annotated[
        str,
        Meta(
            pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$(?!\n)",
            description="UTC at which orbits begin",
            examples=["2026-03-20T18:00:00Z"],
        ),
    ] = "2026-03-20T18:00:00Z"
    speed: Annotated[
        float, Meta(ge=1, le=10_000, description="emulated seconds per second, for satellites and their light")
    ] = 1.0
