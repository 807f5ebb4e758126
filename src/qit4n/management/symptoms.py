"""What is wrong with a network now, element by element, before it is known what belongs together."""

from dataclasses import dataclass

from qit4n.management.catalogue import CATALOGUE, NO_WAY_ROUND
from qit4n.management.correlation import LOST, leads_round
from qit4n.refpoints import mc


@dataclass(frozen=True)
class Symptom:
    """Something that is wrong with one element now; ``text`` and ``advice`` if it knows better than the catalogue.

    It speaks for the elements ``about`` as well; severity and probable cause are of the kind ``like``, if there is one.
    ``failed`` are the links that make no key, where it is not one link or site that the symptom is of.
    """

    element: str
    kind: str
    detail: str = ""
    advice: str = ""
    affects: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    like: str = ""
    failed: tuple[str, ...] = ()
    text: str = ""


def symptoms(status: mc.NetworkStatus) -> list[Symptom]:
    """What is wrong now."""
    silent = {site.site for site in status.sites if not site.up and site.pid}  # not those never heard of: they start
    found = [Symptom(site, "site-silent") for site in sorted(silent)]
    found += [Symptom(site.site, "site-fault", site.fault) for site in status.sites if site.fault]
    found += [
        Symptom(site.site, "entropy-source", site.entropy.detail)
        for site in status.sites
        if site.up and site.entropy and site.entropy.state == "closed"
    ]
    unknown = {site.site for site in status.sites if not site.up}
    troubled = [one for one in status.links if one.state in LOST and not unknown.intersection(one.ends)]
    return found + [_of_link(link, status) for link in troubled]


def _of_link(link: mc.LinkStatus, status: mc.NetworkStatus) -> Symptom:
    if link.reason in CATALOGUE:
        return Symptom(link.link, link.reason, link.detail)
    if link.state == "no-key":
        return Symptom(link.link, "no-key", link.detail)
    return Symptom(link.link, "link-down", link.detail, "" if leads_round(status, link.link) else NO_WAY_ROUND)
