"""Whether the optical switches of a network file fit its links."""

from collections.abc import Iterator

from qit4n.network.explain import nearest
from qit4n.network.finding import EVERY, Finding
from qit4n.network.model import Link, Network, Switch
from qit4n.network.yamltext import At

LINK_IDS: At = ("links", EVERY, "id")


def switch_findings(network: Network) -> Iterator[Finding]:
    """What does not fit."""
    links = {link.id: link for link in network.links}
    crossed: dict[str, int] = {}
    for number, switch in enumerate(network.switches):
        yield from _site(number, switch, network)
        for place, name in enumerate(switch.links):
            at: At = ("switches", number, "links", place)
            if name not in links:
                yield Finding(at, f"there is no link {name!r}", nearest(name, links, "known"), (LINK_IDS,))
            if name in crossed:
                what = f"link {name!r} crosses switches[{crossed[name]}] already"
                yield Finding(at, what, "a link crosses one switch, once", (("switches", crossed[name], "links"),))
            crossed.setdefault(name, number)
        yield from _together(number, switch, [links[name] for name in switch.links if name in links], network)
        yield from _time(number, switch)


def _site(number: int, switch: Switch, network: Network) -> Iterator[Finding]:
    sites = {site.id: None for site in network.sites}
    if switch.site not in sites:
        right = nearest(switch.site, sites, "known")
        rests_on: tuple[At, ...] = (("sites", EVERY, "id"),)
        yield Finding(("switches", number, "site"), f"there is no site {switch.site!r}", right, rests_on)


def _together(number: int, switch: Switch, links: list[Link], network: Network) -> Iterator[Finding]:
    """Do the links share one module, at one end of each?"""
    at: At = ("switches", number, "links")
    rests_on: tuple[At, ...] = (("links",), ("switches", number))
    elsewhere = [link.id for link in links if switch.site not in link.ends]
    if elsewhere:
        what = f"link {elsewhere[0]!r} does not end at site {switch.site}"
        yield Finding(at, what, "name links of the switch's site", rests_on)
    elif len({link.ends[0] == switch.site for link in links}) > 1:
        what = f"site {switch.site} has the transmitter of some of these links and the receiver of others"
        yield Finding(at, what, "one module is shared: turn the ends round, or make two switches", rests_on)
    if len({link.module for link in links}) > 1:
        what = f"these links have modules of different kinds: {', '.join(sorted({link.module for link in links}))}"
        yield Finding(at, what, "one module is shared: give all the same", rests_on)
    satellites = [link.id for link in links if link.medium.orbit is not None]
    if satellites:
        what = f"link {satellites[0]!r} is a satellite's: it has its own times"
        yield Finding(at, what, "leave it out", rests_on)
    devices = [link.id for link in links if link.module in network.devices]
    if devices:
        what = f"behind link {devices[0]!r} is a device, which knows nothing of a schedule"
        yield Finding(at, what, "leave it out, or take emulated modules", rests_on)


def _time(number: int, switch: Switch) -> Iterator[Finding]:
    lost = len(switch.links) * (switch.retune_s + switch.relock_s)
    if lost >= switch.period_s:
        what = f"{len(switch.links)} times retuning and re-locking take {lost:g} s of a round of {switch.period_s:g} s"
        right = f"longer rounds: {5 * lost:.3g} s would leave 80 % for key"
        yield Finding(("switches", number, "period_s"), what, right, (("switches", number),))
