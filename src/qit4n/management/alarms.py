"""Fault management: which alarms stand, from what the controller tells (ITU-T Y.3804, X.733).

A site that is silent is one alarm: nothing is said of its links then, about which nothing is known. A link that is
cut is one alarm too, with what follows from it (``correlation.py``), and so are links of one duct that are cut together
(``failures.py``). What is unusual about a link is an alarm while the link makes key (``anomalies.py``): of one that
makes none its own alarm says why.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from msgspec import structs

from qit4n.management.catalogue import CATALOGUE, UNUSUAL
from qit4n.management.commoncause import Part
from qit4n.management.correlation import Correlation
from qit4n.management.failures import Failures
from qit4n.management.symptoms import Symptom, symptoms
from qit4n.refpoints import mc

OWN_ONLY = {"site-fault", "starvation-ahead", "common-cause", *UNUSUAL}  # take no hop away


class Alarms:
    """Those that stand, by element and kind."""

    def __init__(self, ducts: Sequence[Part] = ()) -> None:
        """Nothing is wrong yet."""
        self.standing: dict[tuple[str, str], mc.Alarm] = {}
        self._correlation = Correlation()
        self._failures = Failures(ducts)

    def update(
        self, status: mc.NetworkStatus, unusual: Iterable[Symptom] = ()
    ) -> tuple[list[mc.Alarm], list[mc.Alarm]]:
        """Take a new state and what is ``unusual``; the alarms that are new, and those that have cleared.

        One that goes on keeps its start.
        """
        found = self._failures.gathered(symptoms(status), status)
        explained = {one.element for one in found}
        found = _merged(found + [one for one in unusual if one.kind == "common-cause" or one.element not in explained])
        roots = {
            (one.element, one.kind): one.failed or (one.element,)
            for one in found
            if one.failed or one.kind not in OWN_ONLY
        }
        found += [Symptom(pool, "pool-without-path") for pool in self._correlation.update(status, roots)]
        before, self.standing = self.standing, {}
        for symptom in found:
            key = (symptom.element, symptom.kind)
            affects, restored_s = self._correlation.consequences(key, status)
            self.standing[key] = structs.replace(
                _alarm(symptom, before[key].since if key in before else status.at),
                affects=affects + symptom.affects,
                restored_s=restored_s,
            )
        raised = [alarm for key, alarm in self.standing.items() if key not in before]
        gone = [alarm for key, alarm in before.items() if key not in self.standing]
        return raised, [structs.replace(alarm, cleared_at=status.at) for alarm in gone]


def _merged(found: list[Symptom]) -> list[Symptom]:
    """One symptom of each element and kind: some links of a duct may be cut and others lose light."""
    merged: dict[tuple[str, str], Symptom] = {}
    for one in found:
        first = merged.setdefault((one.element, one.kind), one)
        if first is not one:
            both = replace(first, affects=first.affects + one.affects, about=first.about + one.about)
            merged[one.element, one.kind] = both
    return list(merged.values())


def _alarm(symptom: Symptom, since: float) -> mc.Alarm:
    entry, grade = CATALOGUE[symptom.kind], CATALOGUE[symptom.like or symptom.kind]
    return mc.Alarm(
        element=symptom.element,
        kind=symptom.kind,
        severity=grade.severity,
        cause=grade.cause,
        text=(symptom.text or entry.text).format(element=symptom.element, detail=symptom.detail),
        advice=symptom.advice or entry.advice.format(element=symptom.element),
        since=since,
        about=symptom.about,
    )
