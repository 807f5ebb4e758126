"""Fault management: which alarms stand, from what the controller tells (ITU-T Y.3804, X.733).

A site that is silent is one alarm: nothing is said of its links then, about which nothing is known. A link that is
cut is one alarm too, with what follows from it (``correlation.py``). What is unusual about a link is an alarm while
the link makes key (``anomalies.py``): of one that makes none its own alarm says why.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from msgspec import structs

from qit4n.management.catalogue import CATALOGUE, NO_WAY_ROUND, UNUSUAL
from qit4n.management.correlation import LOST, Correlation, leads_round
from qit4n.refpoints import mc

OWN_ONLY = {"site-fault", "starvation-ahead", "common-cause", *UNUSUAL}  # take no hop away


@dataclass(frozen=True)
class Symptom:
    """Something that is wrong with one element now; ``advice`` if it knows better than the catalogue.

    It speaks for the elements ``about`` as well; severity and probable cause are of the kind ``like``, if there is one.
    """

    element: str
    kind: str
    detail: str = ""
    advice: str = ""
    affects: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    like: str = ""


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


class Alarms:
    """Those that stand, by element and kind."""

    def __init__(self) -> None:
        """Nothing is wrong yet."""
        self.standing: dict[tuple[str, str], mc.Alarm] = {}
        self._correlation = Correlation()

    def update(
        self, status: mc.NetworkStatus, unusual: Iterable[Symptom] = ()
    ) -> tuple[list[mc.Alarm], list[mc.Alarm]]:
        """Take a new state and what is ``unusual``; the alarms that are new, and those that have cleared.

        One that goes on keeps its start.
        """
        found = symptoms(status)
        explained = {one.element for one in found}
        found += [one for one in unusual if one.element not in explained]
        roots = [(one.element, one.kind) for one in found if one.kind not in OWN_ONLY]
        found += [Symptom(pool, "pool-without-path") for pool in self._correlation.update(status, roots)]
        before, self.standing = self.standing, {}
        for symptom in found:
            key = (symptom.element, symptom.kind)
            affects, restored_s = self._correlation.consequences(key, status)
            self.standing[key] = structs.replace(
                _alarm(symptom, before[key].since if key in before else status.at),
                affects=affects or symptom.affects,
                restored_s=restored_s,
            )
        raised = [alarm for key, alarm in self.standing.items() if key not in before]
        gone = [alarm for key, alarm in before.items() if key not in self.standing]
        return raised, [structs.replace(alarm, cleared_at=status.at) for alarm in gone]


def _alarm(symptom: Symptom, since: float) -> mc.Alarm:
    entry, grade = CATALOGUE[symptom.kind], CATALOGUE[symptom.like or symptom.kind]
    return mc.Alarm(
        element=symptom.element,
        kind=symptom.kind,
        severity=grade.severity,
        cause=grade.cause,
        text=entry.text.format(element=symptom.element, detail=symptom.detail),
        advice=symptom.advice or entry.advice.format(element=symptom.element),
        since=since,
        about=symptom.about,
    )
