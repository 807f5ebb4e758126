"""Cx: QKDN controller to QKDN controller (ITU-T Y.3802): in distributed control each site tells all its links."""

from qit4n.refpoints import Message, ck


class LinkState(Message, frozen=True, kw_only=True):
    """What a site reports, with a number by which an old one is known: of the start of its process, then counted."""

    report: ck.SiteReport
    number: int
