"""The alarm catalogue: what can be wrong, how bad it is, its probable cause, and what to do about it.

Severities are those of ITU-T X.733 clause 8.1.2.3, probable causes the names of X.733 (8.1.2.1) and, where somebody
may attack, of the security alarms of X.736.
"""

from dataclasses import dataclass

from qit4n.refpoints.mc import Severity


@dataclass(frozen=True)
class Kind:
    """One entry; ``text`` and ``advice`` take ``element`` and ``detail``."""

    severity: Severity
    cause: str
    text: str
    advice: str


UNUSUAL = {
    "error-rate-jump": Kind(
        "critical",
        "intrusionDetection",
        "errors of link {element} have jumped while its rate has not: {detail}",
        "an eavesdropper who intercepts and resends, or a sudden misalignment, look like this; take no "
        "key from it until it is explained, see polarisation and phase control; if it is well: "
        "qit report anomalies --accept {element}",
    ),
    "one-basis-errors": Kind(
        "major",
        "intrusionDetection",
        "errors of link {element} have risen in one basis: {detail}",
        "an eavesdropper who measures in the other basis, or one arm of the receiver out of tune; "
        "if it is well: qit report anomalies --accept {element}",
    ),
    "loss-with-errors": Kind(
        "major",
        "intrusionDetection",
        "link {element} has lost light and gained errors: {detail}",
        "loss alone adds no errors: an eavesdropper behind a tap, or a module out of tune; compare with the OTDR; "
        "if it is well: qit report anomalies --accept {element}",
    ),
    "extra-light": Kind(
        "major",
        "intrusionDetection",
        "light that is not the transmitter's reaches the receiver of link {element}: {detail}",
        "a new classical channel in the fibre, stray light, noisier detectors, or somebody who shines into them; "
        "if it is well: qit report anomalies --accept {element}",
    ),
    "rate-rise": Kind(
        "minor",
        "configurationOrCustomizationError",
        "link {element} makes more clicks than usual: {detail}",
        "measure the intensities at the transmitter, the security proof counts on those of the network file; "
        "after a repair of the fibre: qit report anomalies --accept {element}",
    ),
    "loss-rise": Kind(
        "minor",
        "degradedSignal",
        "link {element} loses more light than usual: {detail}",
        "fibre trouble: bends, connectors, splices (OTDR); a passive tap looks the same, its key is secure; "
        "if it stays so: qit report anomalies --accept {element}",
    ),
    "error-rate-drift": Kind(
        "minor",
        "degradedSignal",
        "errors of link {element} rise little by little: {detail}",
        "align it before it yields no key; temperature and polarisation drift like this; "
        "if it stays so: qit report anomalies --accept {element}",
    ),
}
"""What charts find while a link makes key (``causes.py``)."""

FIND_THE_BREAK = "look for the break in the fibre (OTDR), then check the modules"

CATALOGUE = UNUSUAL | {
    "common-cause": Kind(
        "critical",  # or as the worst of its links
        "intrusionDetection",
        "links became unusual at the same moment, and {element} is what they share: {detail}",
        "look at {element} first: power, temperature, clock, work on its fibres or ducts; who is there could act on "
        "all of them at once; if a link is well: qit report anomalies --accept LINK",
    ),
    "site-silent": Kind(
        "critical",
        "softwareProgramAbnormallyTerminated",
        "site {element} does not report",
        "see its log in the state directory; 'qit up' restarts it by itself",
    ),
    "site-fault": Kind(
        "major",
        "storageCapacityProblem",
        "site {element}: {detail}",
        "free what the message names; keys already supplied are safe",
    ),
    "entropy-source": Kind(
        "critical",
        "equipmentMalfunction",
        "site {element} makes no new key, its entropy source is closed: {detail}",
        "see what is wrong with the random number generator of the site; it is tried again every ten seconds",
    ),
    "high-qber": Kind(
        "critical",
        "intrusionDetection",
        "link {element} yields no key: {detail}",
        "an eavesdropper or a misaligned module; keep the link out of use until the error rate is explained",
    ),
    "no-key": Kind(
        "major",
        "degradedSignal",
        "link {element} yields no key: {detail}",
        "compare loss and detector noise with the network file",
    ),
    "no-authentication-key": Kind(
        "major",
        "authenticationFailure",
        "link {element} cannot authenticate: {detail}",
        "give it a new pre-shared key: qit pki FILE --renew-psk {element}",
    ),
    "device-refused": Kind(
        "major",
        "authenticationFailure",
        "link {element}: {detail}",
        "check the SAE IDs and certificates of the device in the network file, and what the device is told about them",
    ),
    "device-empty": Kind(
        "major", "equipmentMalfunction", "link {element}: {detail}", "see at the device why it makes no key"
    ),
    "device-away": Kind(
        "major",
        "underlyingResourceUnavailable",
        "link {element}: {detail}",
        "check the device and the way to it; the link recovers by itself",
    ),
    "link-down": Kind(
        "major",
        "lossOfSignal",
        "link {element} is cut: its modules at both sites run and have no contact",
        f"{FIND_THE_BREAK}; pools live on stock and go round the link",
    ),
    "starvation-ahead": Kind(
        "warning",
        "thresholdCrossed",
        "stock of {element} {detail}",
        "more key of {element} is used than made: use less of it, or add a link",
    ),
    "pool-without-path": Kind(
        "major",
        "materialSupplyExhausted",
        "pool {element} runs out: it has no path with key, and no link or site is down that would explain it",
        "more key is used than the links make: see 'qit report accounting' for who uses it, or add a link",
    ),
}

DUCT_CUT = "{detail} failed at the same moment"
DUCT_CUT_AGAIN = "{detail} failed, some at one moment and some at another"
DUCT_FOUND_CUT = "{detail} had failed when the manager started"
FIND_IN_DUCT = "look for the break in {names} (OTDR); pools live on stock and go round its links"
NO_WAY_ROUND_DUCT = (
    "look for the break in {names} (OTDR); nothing leads round {links}: pools that need them live on stock until then"
)
"""Text and advice of a common cause that took contact from links of a duct."""

NO_WAY_ROUND = f"{FIND_THE_BREAK}; nothing leads round the link: its pools live on stock until then"
"""Advice for a cut that no other path replaces."""
