"""Networks and their states, for tests of what is drawn."""

import math
import random

from msgspec import structs

from qit4n.network.generate import fibre
from qit4n.network.model import Application, Demand, Link, Module, Network, Site
from qit4n.refpoints import mc

MODULE = Module(pulse_rate_hz=1e8)
TOWNS = 160


def network(ends, *, places=None, name="test"):
    """Links ``ab`` by their ends; sites at ``places`` (longitude, latitude), or nowhere."""
    sites = sorted({site for link in ends for site in link})
    where = places or {}
    return Network(
        qit4n=1,
        name=name,
        sites=tuple(
            Site(id=site, **(dict(zip(("longitude_deg", "latitude_deg"), where[site], strict=True)) if where else {}))
            for site in sites
        ),
        modules={"m": MODULE},
        links=tuple(Link(id="".join(one), ends=one, medium=fibre(10.0), module="m") for one in map(tuple, ends)),
        applications=tuple(Application(id=f"app-{site}", site=site) for site in sites),
        demands=(Demand(between=(f"app-{sites[0]}", f"app-{sites[-1]}")),),
    )


def link_status(link, **changed):
    usual = mc.LinkStatus(
        link=link.id,
        ends=link.ends,
        state="running",
        stock_bits=900_000,
        secret_rate_bps=4_000.0,
        predicted_rate_bps=4_200.0,
        qber=0.014,
        predicted_qber=0.015,
        blocks=40,
        failed_blocks=1,
        emulation_speed=1.0,
    )
    return structs.replace(usual, **changed)


def pool_status(source, destination, paths, **changed):
    usual = mc.PoolStatus(
        source=source,
        destination=destination,
        trust="1 path, hop-by-hop",
        ready_bits=60_000,
        target_bits=65_536,
        paths=tuple(map(tuple, paths)),
        supplied_bits=0,
    )
    return structs.replace(usual, **changed)


def status_of(described, *, links=None, sites=None, pools=(), alarms=(), at=1_800_000_000.0):
    """All is well, but for what is said of links and sites by id."""
    return mc.NetworkStatus(
        network=described.name,
        at=at,
        sites=tuple(
            structs.replace(
                mc.SiteStatus(site=one.id, up=True, pid=7, uptime_s=90.0, memory_bytes=10**8, unclaimed_keys=0),
                **(sites or {}).get(one.id, {}),
            )
            for one in described.sites
        ),
        links=tuple(link_status(one, **(links or {}).get(one.id, {})) for one in described.links),
        pools=tuple(pools),
        alarms=tuple(alarms),
    )


def alarm(element, **changed):
    usual = mc.Alarm(
        element=element,
        kind="link-down",
        severity="major",
        cause="lossOfSignal",
        text=f"link {element} has no contact between its modules",
        advice="check the fibre, then the modules at both sites",
        since=1_799_999_000.0,
    )
    return structs.replace(usual, **changed)


def large(elements=10_000, seed=1, *, with_places=True):
    """A network of so many elements: two fifths sites in some hundred towns, and the links between them."""
    dice = random.Random(seed)
    size = elements * 2 // 5 // TOWNS
    count = size * TOWNS
    towns = sorted((dice.uniform(6.2, 14.5), dice.uniform(47.6, 54.4)) for _ in range(TOWNS))
    near = [sorted(range(TOWNS), key=lambda other: math.dist(towns[one], towns[other]))[:4] for one in range(TOWNS)]
    places = [(dice.gauss(x, 0.06), dice.gauss(y, 0.04)) for x, y in towns for _ in range(size)]
    ends = [(number, dice.randrange(number - number % size, number)) for number in range(count) if number % size]
    while len(ends) < elements - count:
        town = dice.randrange(TOWNS)
        ends.append((town * size + dice.randrange(size), dice.choice(near[town][1:]) * size + dice.randrange(size)))
    sites = tuple(
        Site(id=f"n{number}", **({"longitude_deg": x, "latitude_deg": y} if with_places else {}))
        for number, (x, y) in enumerate(places)
    )
    return Network(
        qit4n=1,
        name="large",
        sites=sites,
        modules={"m": MODULE},
        links=tuple(
            Link(id=f"l{number}", ends=(f"n{one}", f"n{other}"), medium=fibre(10.0), module="m")
            for number, (one, other) in enumerate(ends)
        ),
    )
