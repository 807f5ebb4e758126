"""The kinds of link that are emulated live, behind one set of questions: what clicks, what comes of it."""

from qit4n.physics import bbm92, decoy_bb84, twosenders
from qit4n.physics.bbm92 import BBM92
from qit4n.physics.decoy_bb84 import BB84, Clicks, Prediction
from qit4n.physics.mdi import MDI
from qit4n.physics.sendingornot import SendingOrNot
from qit4n.physics.twinfield import TwinField
from qit4n.physics.twosenders import TwoSenders

Physics = BB84 | BBM92 | MDI | TwinField | SendingOrNot


def clicks(link: Physics, *, key: bool) -> Clicks:
    """Events per gate, and errors among them, if both ends chose the key basis (or both the test basis)."""
    match link:
        case BB84():
            return decoy_bb84.clicks(link)
        case BBM92():
            return Clicks(detections=(bbm92.gain(link),), wrong=(bbm92.error_gain(link),))
        case TwoSenders():
            return link.clicks(key=key)


def losses_db(link: Physics) -> tuple[float, ...]:
    """Loss of each way that photons take: one, or one of either end to a middle."""
    return link.channel_losses_db if isinstance(link, TwoSenders) else (link.channel_loss_db,)


def of_both_bases(link: Physics) -> tuple[Clicks, Clicks]:
    """The same for the key basis and the test basis."""
    key = clicks(link, key=True)
    return key, clicks(link, key=False) if isinstance(link, TwoSenders) else key


def predict(
    link: Physics,
    *,
    block_bits: int,
    epsilon_secrecy: float,
    epsilon_correctness: float,
    reconciliation_efficiency: float,
) -> Prediction:
    """Rate of a link whose blocks have ``block_bits`` bits in the key basis; see :func:`.twosenders.predict`."""
    given = {
        "block_bits": block_bits,
        "epsilon_secrecy": epsilon_secrecy,
        "epsilon_correctness": epsilon_correctness,
        "reconciliation_efficiency": reconciliation_efficiency,
    }
    match link:
        case BB84():
            return decoy_bb84.predict(link, **given)  # type: ignore[arg-type]
        case BBM92():
            return bbm92.predict(link, **given)  # type: ignore[arg-type]
        case TwoSenders():
            return twosenders.predict(link, **given)  # type: ignore[arg-type]
