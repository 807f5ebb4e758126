"""Neighbour networks of the network file: whether they fit the rest, and where they may be told what became of keys."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from qit4n.network.explain import nearest
from qit4n.network.finding import EVERY, Finding
from qit4n.network.model import Neighbour, Network

ACK_PATH = "/kmapi/v1/ext_keys/ack"  # ETSI GS QKD 020


def callback_of(network: Network, site: str) -> str:
    """Where a site of this network takes acknowledgements."""
    host = network.site(site).host
    return f"https://{f'[{host}]' if ':' in host else host}:{network.interworking_port(site)}{ACK_PATH}"


def may_call_back(neighbour: Neighbour, url: str) -> bool:
    """Whether the network file allows acknowledgements to go to ``url``."""
    allowed = neighbour.callbacks or (neighbour.url.rstrip("/") + ACK_PATH,)
    path = urlsplit(url).path
    plain = "%" not in path and not {".", ".."} & set(path.split("/"))
    return url in allowed or (plain and any(one.endswith("/") and url.startswith(one) for one in allowed))


def neighbour_findings(network: Network) -> Iterator[Finding]:
    """What does not fit about the networks to which keys are handed over."""
    sites = [site.id for site in network.sites]
    own = {application.id: number for number, application in enumerate(network.applications)}
    seen: dict[str, str] = {}
    identities: dict[tuple[str, str], str] = {}
    for name, neighbour in network.neighbours.items():
        if name == network.name:
            yield Finding(("neighbours", name), "a network is no neighbour of itself", "name the other network")
        if neighbour.site not in sites:
            what = f"there is no site {neighbour.site!r}"
            right = nearest(neighbour.site, sites, "known")
            yield Finding(("neighbours", name, "site"), what, right, (("sites", EVERY, "id"),))
        other = identities.setdefault((neighbour.site, neighbour.identity), name)
        if other != name:
            what = f"{neighbour.identity!r} is neighbour {other!r} already"
            yield Finding(("neighbours", name, "identity"), what, "give the identity of each key manager")
        for number, one in enumerate(neighbour.applications):
            place = ("neighbours", name, "applications", number)
            if one in own:
                what = f"{one!r} is an application of this network"
                right = "ids of applications are unique over all networks that are joined (ETSI GS QKD 020)"
                yield Finding(place, what, right, (("applications", own[one], "id"),))
            elif one in seen:
                yield Finding(place, f"{one!r} is reached through {seen[one]!r} already", "name it once")
            seen.setdefault(one, name)
