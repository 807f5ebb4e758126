"""Alarms of the controller: what is wrong with which element, since when, and what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass

from qit4n.network.model import Network
from qit4n.refpoints import ck, mc

SILENCE_LIMIT_S = 4.0


@dataclass(frozen=True)
class Kind:
    """One entry of the catalogue."""

    text: str
    advice: str


CATALOGUE = {
    "site-silent": Kind(
        "site {element} does not report",
        "see its log in the state directory; 'qit up' restarts it by itself",
    ),
    "site-fault": Kind("site {element}: {detail}", "free what the message names; keys already supplied are safe"),
    "high-qber": Kind(
        "link {element} yields no key: {detail}",
        "an eavesdropper or a misaligned module; keep the link out of use until the error rate is explained",
    ),
    "no-key": Kind("link {element} yields no key: {detail}", "compare loss and detector noise with the network file"),
    "no-authentication-key": Kind(
        "link {element} cannot authenticate: {detail}",
        "give it a new pre-shared key: qit pki FILE --renew-psk {element}",
    ),
    "device-refused": Kind(
        "link {element}: {detail}",
        "check the SAE IDs and certificates of the device in the network file, and what the device is told about them",
    ),
    "device-empty": Kind("link {element}: {detail}", "see at the device why it makes no key"),
    "device-away": Kind("link {element}: {detail}", "check the device and the way to it; the link recovers by itself"),
    "link-down": Kind("link {element} has no contact between its modules", "check both sites and the fibre"),
}


def update(
    before: Mapping[tuple[str, str], mc.Alarm],
    network: Network,
    reports: Mapping[str, ck.SiteReport],
    heard: Mapping[str, float],
    now: float,
) -> dict[tuple[str, str], mc.Alarm]:
    """The alarms that stand now; one that stood before keeps its ``since``."""
    standing = {}
    for element, kind, detail in _conditions(network, reports, heard, now):
        entry = CATALOGUE[kind]
        earlier = before.get((element, kind))
        standing[element, kind] = mc.Alarm(
            element=element,
            kind=kind,
            text=entry.text.format(element=element, detail=detail),
            advice=entry.advice.format(element=element),
            since=earlier.since if earlier else now,
        )
    return standing


def _conditions(
    network: Network, reports: Mapping[str, ck.SiteReport], heard: Mapping[str, float], now: float
) -> list[tuple[str, str, str]]:
    silent = {site.id for site in network.sites if site.id in heard and now - heard[site.id] > SILENCE_LIMIT_S}
    found = [(site, "site-silent", "") for site in sorted(silent)]
    found += [(site, "site-fault", report.fault) for site, report in reports.items() if report.fault]
    for link in network.links:
        if not silent.intersection(link.ends):
            found += _of_link(link.id, link.ends, reports)
    return found


def _of_link(link: str, ends: tuple[str, str], reports: Mapping[str, ck.SiteReport]) -> list[tuple[str, str, str]]:
    modules = [report.module for end in ends if end in reports for report in reports[end].links if report.link == link]
    failed = next((module for module in reversed(modules) if module.state == "no-key"), None)
    if failed is not None:
        kind = failed.reason if failed.reason in CATALOGUE else "no-key"
        return [(link, kind, failed.detail)]
    down = [module for module in modules if module.state == "down"]
    away = next((module for module in down if module.reason in CATALOGUE), None)
    if away is not None:
        return [(link, away.reason, away.detail)]
    if down and len(modules) == len(ends):
        return [(link, "link-down", "")]
    return []
