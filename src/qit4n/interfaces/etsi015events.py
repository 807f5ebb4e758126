"""The eleven notifications of ETSI GS QKD 015, from two documents of one node that follow each other. Pure."""

from collections.abc import Iterator
from typing import Any

from qit4n.interfaces.etsi015model import NOTIFICATIONS, TYPES, Node

Json = dict[str, Any]
Told = tuple[str, Json]

CHANGE = 0.1  # a rate that has changed by more than this share is told
DOWN = {f"{TYPES}:PENDING", f"{TYPES}:OFF"}
FAILED, DISABLED = f"{TYPES}:FAILED", f"{TYPES}:DISABLED"


class Watch:
    """Follows the documents of one node."""

    def __init__(self) -> None:
        """Nothing is known yet: the first document tells its interfaces and applications as new."""
        self._before: Json = {}
        self._rates: dict[str, tuple[int, str]] = {}

    def see(self, now: Json, reasons: dict[str, str]) -> list[Told]:
        """What to tell of the next document; ``reasons`` by the id of a link or interface, in words."""
        before, self._before = self._before, now
        return [
            *_interfaces(_entries(before, "interface"), _entries(now, "interface"), reasons),
            *_applications(_entries(before, "application"), _entries(now, "application")),
            *(_new_links(_entries(before, "link"), _entries(now, "link")) if before else ()),
            *self._links(_entries(before, "link"), _entries(now, "link"), reasons),
        ]

    def _links(self, before: dict[str, Json], now: dict[str, Json], reasons: dict[str, str]) -> Iterator[Told]:
        for name, link in now.items():
            status, was = link["qkdl_status"], before.get(name, {}).get("qkdl_status")
            if was is not None and status != was:
                yield from _link_changed(name, status, was, reasons.get(name, ""))
            performance = link.get("qkdl_performance")
            if performance is not None and self._moved(name, performance):
                yield "sdqkdn_link_perf_update", {"qkd_link": {"qkdl_id": name, "performance": performance}}
        for name in before.keys() - now.keys():
            yield "sdqkdn_link_down", {"qkd_link": {"qkdl_id": name, "reason": "the link was taken out"}}

    def _moved(self, name: str, performance: Json) -> bool:
        rate = performance["skr"]
        qber = next((one["value"] for one in performance.get("phys_perf", ())), "")
        before_rate, before_qber = self._rates.get(name, (0, ""))
        if abs(rate - before_rate) <= CHANGE * before_rate and qber == before_qber:
            return False
        self._rates[name] = (rate, qber)
        return True


def _new_links(before: dict[str, Json], now: dict[str, Json]) -> Iterator[Told]:
    """Links have no notification of their own for that."""
    for name in now.keys() - before.keys():
        element = {"qkdl_id": name, "qkdl_status": now[name]["qkdl_status"]}
        yield "event", {"link": {**element, "message": "the link is new", "severity": f"{TYPES}:MINOR"}}


def overloaded(link: Json) -> Told:
    """A key association link has no key for who asks."""
    found = {name: value for name, value in link.get("qkdl_performance", {}).items() if name != "phys_perf"}
    return "sdqkdn_link_overloaded", {
        "qkd_link": {"qkdl_id": link["qkdl_id"], **({"performance": found} if found else {})}
    }


def alarm(what: str, element: Json, message: str) -> Told:
    """Something is wrong with a link, an interface or an application."""
    return "alarm", {what: {**element, "message": message, "severity": f"{TYPES}:MAJOR"}}


def _entries(document: Json, what: str) -> dict[Any, Json]:
    outer, inner, key = {
        "interface": ("qkd_interfaces", "qkd_interface", "qkdi_id"),
        "application": ("qkd_applications", "qkd_app", "app_id"),
        "link": ("qkd_links", "qkd_link", "qkdl_id"),
    }[what]
    return {entry[key]: entry for entry in document.get(outer, {}).get(inner, ())}


def _link_changed(name: str, status: str, was: str, reason: str) -> Iterator[Told]:
    element = {"qkdl_id": name, "qkdl_status": status}
    if status in DOWN and was not in DOWN:
        yield "sdqkdn_link_down", {"qkd_link": {"qkdl_id": name, "reason": reason or "no key is made and none is left"}}
        yield alarm("link", element, reason or "no key is made and none is left")
    else:
        text = f"was {was.split(':')[1]}, is {status.split(':')[1]}"
        yield "event", {"link": {**element, "message": text, "severity": f"{TYPES}:MINOR"}}


def _interfaces(before: dict[Any, Json], now: dict[Any, Json], reasons: dict[str, str]) -> Iterator[Told]:
    for number, one in now.items():
        status, was = one["qkdi_status"], before.get(number, {}).get("qkdi_status")
        element = {"qkdi_id": number, "qkdi_status": status}
        reason = reasons.get(str(number), "")
        if was is None:
            yield "sdqkdn_interface_new", {"qkd_interface": _fitting("sdqkdn_interface_new", "qkd_interface", one)}
        if status == was or (was is None and status not in {FAILED, DISABLED}):
            continue
        if status == FAILED:
            yield "sdqkdn_interface_down", {"qkd_interface": {"qkdi_id": number, "reason": reason or "failed"}}
            yield alarm("interface", element, reason or "failed")
        elif status == DISABLED:
            yield "sdqkdn_interface_out", {"qkd_interface": {"qkdi_id": number}}
        else:
            yield "event", {"interface": {**element, "message": "enabled again", "severity": f"{TYPES}:MINOR"}}
    for number in before.keys() - now.keys():
        yield "sdqkdn_interface_out", {"qkd_interface": {"qkdi_id": number}}


def _applications(before: dict[Any, Json], now: dict[Any, Json]) -> Iterator[Told]:
    for name, one in now.items():
        was = before.get(name)
        if was is None:
            yield (
                "sdqkdn_application_new",
                {"qkd_application": _fitting("sdqkdn_application_new", "qkd_application", one)},
            )
            continue
        if (one["app_qos"], one["app_priority"]) != (was["app_qos"], was["app_priority"]):
            yield (
                "sdqkdn_application_qos_update",
                {"qkd_application": _fitting("sdqkdn_application_qos_update", "qkd_application", one)},
            )
        if one["app_status"] != was["app_status"] and one["app_status"] == f"{TYPES}:DISCONNECTED":
            yield "sdqkdn_application_disconnected", {"qkd_application": {"app_id": name}}
    for name in before.keys() - now.keys():
        yield "sdqkdn_application_disconnected", {"qkd_application": {"app_id": name}}


def _fitting(notification: str, what: str, entry: Json) -> Json:
    """The members that the notification has."""
    inner = NOTIFICATIONS[notification].members[what]
    return {name: value for name, value in entry.items() if isinstance(inner, Node) and name in inner.members}
