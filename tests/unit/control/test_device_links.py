"""A link with a device, as the controller tells it: measured, not predicted; the reason is the device's."""

import pytest

from qit4n.control.controller import Controller, Prediction
from qit4n.management.alarms import Alarms
from qit4n.network.model import Device, DeviceEnd, Link, Medium, Module, Network, Site
from qit4n.refpoints import ck, kq1, kq2

END = DeviceEnd(kme="https://kme", sae="s", cert="c", key="k", ca="a")
NETWORK = Network(
    qit4n=1,
    name="n",
    sites=(Site(id="a"), Site(id="b")),
    modules={"m": Module(pulse_rate_hz=1e8)},
    devices={"box": Device(interface="etsi-014", ends={"a": END, "b": END})},
    links=tuple(
        Link(id=name, ends=("a", "b"), medium=Medium(length_km=1, loss_db=1), module=name) for name in ("box", "m")
    ),
)


@pytest.fixture
def told():
    """The status when the modules of both ends report these values."""

    def make(at_a, at_b):
        controller = Controller(NETWORK, {"m": Prediction(1000.0, 0.01)})
        for site, values in (("a", at_a), ("b", at_b)):
            links = tuple(
                ck.LinkReport(
                    link=link.id,
                    peer="ab".replace(site, ""),
                    sendable_bits=1,
                    receivable_bits=1,
                    module=kq2.ModuleState(link=link.id, role="r", **values),
                    account=kq1.LinkAccount(),
                )
                for link in NETWORK.links
            )
            report = ck.SiteReport(site=site, pid=1, started_at=0.0, memory_bytes=1, links=links, pools=())
            controller.receive(report, 10.0)
        return controller.status(10.0)

    return make


def test_nothing_is_predicted_of_a_device(told):
    """Its rate is what was measured; QBER, formula and speed are unknown, not zero."""
    running = {"state": "running", "secret_rate_bps": 500.0, "qber": 0.02, "emulation_speed": 1.0}
    box, emulated = told(running, running).links
    assert (box.device, box.secret_rate_bps, box.state) == ("box", 500.0, "running")
    assert box.qber is box.predicted_qber is box.predicted_rate_bps is box.emulation_speed is None
    assert (emulated.device, emulated.qber, emulated.predicted_rate_bps) == ("", 0.02, 1000.0)


@pytest.mark.parametrize(
    ("state", "reason", "advice"),
    [
        ("down", "device-away", "recovers by itself"),
        ("no-key", "device-refused", "SAE IDs and certificates"),
        ("no-key", "device-empty", "why it makes no key"),
    ],
)
@pytest.mark.parametrize("end", [0, 1])
def test_the_reason_of_the_device_is_the_links(told, state, reason, advice, end):
    """Whichever end has the trouble: its state, its reason, its sentence; they make the alarm of the manager."""
    values = [{"state": "running"}, {"state": "running"}]
    values[end] = {"state": state, "reason": reason, "detail": "what it said"}
    status = told(*values)
    link = status.links[0]
    assert (link.state, link.reason, link.detail) == (state, reason, "what it said")
    alarms = Alarms()
    alarms.update(status)
    alarm = alarms.standing["box", reason]
    assert alarm.text == "link box: what it said"
    assert advice in alarm.advice
