"""What a site tells of its key manager and its QKD modules (Ck): links, end-to-end pools, key streams."""

import uuid
from collections.abc import Mapping

from qit4n.keys.manager import KeyManager
from qit4n.node.modules import ModuleDriver
from qit4n.refpoints import ck


def link_reports(manager: KeyManager, modules: Mapping[str, ModuleDriver]) -> tuple[ck.LinkReport, ...]:
    """Stock and module of each link that runs."""
    return tuple(
        ck.LinkReport(
            link=stock.link,
            peer=stock.peer,
            sendable_bits=8 * stock.send.available_bytes,
            receivable_bits=8 * stock.receive.available_bytes,
            module=modules[stock.link].state,
            account=stock.account,
        )
        for stock in manager.kma.stocks.values()
        if stock.link in modules
    )


def pool_reports(manager: KeyManager) -> tuple[ck.PoolReport, ...]:
    """The end-to-end pools of which the site is the source; what is not agreed with the other end is not ready."""
    return tuple(
        ck.PoolReport(
            peer=pool.peer,
            trust=pool.trust,
            ready_bits=8 * pool.ready.available_bytes if manager.agrees_with(pool.peer) else 0,
            target_bits=8 * pool.target_bytes,
            relayed_bits=8 * pool.relayed_bytes,
            supplied_bits=8 * pool.supplied_bytes,
            compared_shares=pool.compared_shares,
            altered_shares=sum(pool.altered.values()),
            last_refusal=pool.last_refusal,
        )
        for pool in manager.pools.outgoing.values()
    )


def stream_reports(manager: KeyManager) -> tuple[ck.StreamReport, ...]:
    """The key streams that the site leads."""
    return tuple(
        ck.StreamReport(
            stream=str(uuid.UUID(bytes=stream.id)),
            applications=stream.applications,
            open=tuple(sorted(stream.open)),
            chunk_bytes=stream.qos.key_chunk_size,
            chunks=stream.number,
        )
        for stream in manager.streams.led
    )
