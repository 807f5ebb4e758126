"""Makes the drivers of the QKD modules of one site: emulated ones, or devices that are there."""

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

from qit4n.adapters.credentials import Credentials
from qit4n.adapters.qrng import SiteEntropy
from qit4n.adapters.sealedstore import SealedStore
from qit4n.network.model import Link, Network
from qit4n.network.switching import Timetable
from qit4n.node.devicemaster import DeviceMaster
from qit4n.node.devices import Device
from qit4n.node.deviceslave import DeviceSlave
from qit4n.node.journal import Journal
from qit4n.node.modules import Deliver, ModuleDriver
from qit4n.node.onetimekeys import load_keys
from qit4n.node.receiver import ReceiverDriver
from qit4n.node.transmitter import TransmitterDriver
from qit4n.quantum.link import planned_slots
from qit4n.refpoints import cqrp

DEVICES = {  # imported where there is one: their clients are slow to import
    "etsi-014": ("qit4n.adapters.device014", "Device014"),
    "etsi-004": ("qit4n.adapters.device004", "Device004"),
}


class ModuleDrivers:
    """What the drivers of one site share, and the timetables of the optical switches that its links cross."""

    def __init__(  # noqa: PLR0917 - the parts of a site that drivers use
        self,
        network: Network,
        site: str,
        state: Path,
        credentials: Credentials,
        store: SealedStore,
        journal: Journal,
        entropy: SiteEntropy,
        deliver: Deliver,
    ) -> None:
        """``deliver`` takes a finished block (Kq-1)."""
        self._site = site
        self._state = state
        self._credentials = credentials
        self._store, self._journal, self._entropy, self._deliver = store, journal, entropy, deliver
        crossed = (network.switch_of(link) for link in network.links_of(site))
        self._timetables = {one.id: Timetable(one, planned_slots(network, one)) for one in crossed if one}

    def driver(self, network: Network, link: Link) -> ModuleDriver:
        """Of this site's end of a link; the first end leads."""
        first, far = link.ends[0] == self._site, link.ends[link.ends[0] == self._site]
        device = network.device_of(link)
        if device is not None:
            module, kind = DEVICES[device.interface]
            own: Device = getattr(import_module(module), kind)(
                device.ends[self._site], device.ends[far].sae, self._state
            )
            with_device = (network, link, own, self._deliver, self._site)
            return DeviceMaster(*with_device, self._credentials) if first else DeviceSlave(*with_device)
        keys = load_keys(self._store, link.id, self._state / "sites" / self._site / "psk" / f"{link.id}.key")
        switch = network.switch_of(link)
        timetable = self._timetables[switch.id] if switch else None
        emulated = (network, link, keys, self._journal, self._deliver, self._entropy, timetable)
        return TransmitterDriver(*emulated, self._credentials) if first else ReceiverDriver(*emulated)

    def schedule(self, switches: Iterable[cqrp.SwitchSchedule]) -> None:
        """The controller says when which link of a switch is lit."""
        for one in switches:
            if one.switch in self._timetables:
                self._timetables[one.switch].take(one.from_at, one.slots)
