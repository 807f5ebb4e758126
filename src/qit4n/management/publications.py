"""Alarms and events as messages for others, by subject (NATS).

    qit.NETWORK.alarm.SEVERITY.KIND     an alarm that was raised or cleared (``cleared_at``): see ``mc.Alarm``
    qit.NETWORK.event.state             a link, site or pool that changed: ``at``, ``kind``, ``element``, ``text``

Bodies are JSON: identifiers and amounts only. The id of a message is a hash of what it says, so that one that is sent
twice is known.
"""

import re
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from qit4n.refpoints import mc


@dataclass(frozen=True)
class Event:
    """Something that happened to an element; ``kind`` is ``raised`` or ``cleared`` (an alarm), or ``state``."""

    at: float
    kind: str
    element: str
    text: str


@dataclass(frozen=True)
class Publication:
    """One message."""

    id: str
    subject: str
    body: bytes


def publication(network: str, news: mc.Alarm | Event) -> Publication:
    """The message about an alarm or event."""
    topic = f"alarm.{news.severity}.{news.kind}" if isinstance(news, mc.Alarm) else f"event.{news.kind}"
    subject, body = f"{subjects(network)}.{topic}", msgspec.json.encode(news)
    return Publication(sha256(subject.encode() + b"\0" + body).hexdigest()[:32], subject, body)


def subjects(network: str) -> str:
    """How all subjects of a network begin; what no subject may have in it becomes an underscore."""
    return f"qit.{re.sub(r'[^A-Za-z0-9_-]', '_', network)}"
