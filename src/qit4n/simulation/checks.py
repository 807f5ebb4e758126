"""What must hold at the end of a run, when the faults have stopped and the network has healed."""

from collections import Counter
from functools import partial

from qit4n.errors import InvariantViolatedError
from qit4n.pools.digest import SALT_BYTES
from qit4n.pools.keypool import KeyPool
from qit4n.simulation import seam
from qit4n.simulation.ledger import Material
from qit4n.simulation.part import Run
from qit4n.simulation.topology import own_pairs
from qit4n.simulation.workloads import Applications

KEPT_ROUNDS = 12  # more than the seconds for which a site may say that it is not ready
RECOVERY_LIMIT_S = 90.0
SEARCHED_BYTES = 16


def recovered(run: Run, applications: Applications) -> float:
    """Every pair of applications gets a key, both ways, within the limit; returns after how long."""
    world, begun = run.world, run.world.now
    open_ = {pair for own in own_pairs(world.network) for pair in (own, own[::-1])}
    while open_:
        for master, slave in sorted(open_):
            applications.get(master, (slave,), got=partial(_fetch, applications, (master, slave)))
        world.run(1.0)
        open_ -= applications.served
        if open_ and world.now - begun > RECOVERY_LIMIT_S:
            master, slave = min(open_)
            raise InvariantViolatedError(
                "supply works again after faults", f"{master} got no key for {slave} within {RECOVERY_LIMIT_S:.0f} s"
            )
    return world.now - begun


def _fetch(applications: Applications, pair: tuple[str, str], keys: dict[seam.KeyId, bytes]) -> None:
    master, slave = pair
    applications.fetch(slave, master, tuple(keys))
    applications.served.add(pair)


def kept(run: Run, applications: Applications) -> None:
    """Every acknowledged key that a slave has yet to fetch is there; what was fetched is not there any more.

    A site that does not know yet whether its store is up to date says so, and is asked again.
    """
    for key_id, known in list(run.deliveries.keys.items()):
        for slave in known.fetched:
            again = seam.fetch(slave, known.master, (key_id,))
            for home in run.deliveries.homes(slave):
                applications.ask_in_vain(again, home)
    due = [(key_id, slave) for key_id, known in run.deliveries.keys.items() for slave in known.open]
    for _ in range(KEPT_ROUNDS):
        for key_id, slave in due:
            applications.fetch(slave, run.deliveries.keys[key_id].master, (key_id,))
        run.world.run(1.0)
        due = [
            (key_id, slave)
            for key_id, known in run.deliveries.keys.items()
            for slave in known.open
            if known.acknowledged and not run.deliveries.excuse(key_id, slave)
        ]
        if not due:
            return
    key_id, slave = due[0]
    raise InvariantViolatedError(
        "an acknowledged key can be fetched by each slave", f"{slave} got no answer for key {key_id.hex()}"
    )


def agreed(run: Run) -> None:
    """No block waits at one end of a link for an agreement when the other end holds it too."""
    sites = run.world.sites
    for link in run.world.network.links:
        if not run.ledger.of_a_liar(link.id):
            one, other = (sites[end].manager.kma.stocks[link.id] for end in link.ends)
            for here, there in ((one, other), (other, one)):
                waiting = [slab for slab in here.pending if slab in (*there.pending, *there.send.slabs)]
                if waiting:
                    raise InvariantViolatedError(
                        "both ends agree on a block", f"{link.id}/{waiting[0]} still waits at {there.peer}"
                    )


def secret(run: Run) -> None:
    """A delivered key was in clear at its ends and at the sites recorded as trusted with it, nowhere else."""
    slabs = b"".join(slab.content for slab in run.ledger.slabs.values())
    for key_id, known in run.deliveries.keys.items():
        if run.deliveries.lied_to(known.master) or run.ledger.through_a_liar(key_id):
            continue
        supply = run.ledger.supplies.get(key_id)
        parties = (known.master, *known.open, *known.fetched, *(supply.slaves if supply else ()))
        ends = {home for one in parties for home in run.deliveries.homes(one)}
        allowed = ends | run.ledger.may_know(key_id)
        found = sorted(run.ledger.could_read(key_id) - allowed)
        needle = known.value[:SEARCHED_BYTES]
        if len(needle) == SEARCHED_BYTES:
            found += [site for site, seen in run.ledger.seen.items() if site not in allowed and needle in seen]
            if needle in run.ledger.audited or needle.hex().encode() in run.ledger.audited:
                raise InvariantViolatedError("an audit trail has no key in it", f"key {key_id.hex()} is in one")
            if needle in slabs:
                raise InvariantViolatedError("no byte is a pad and a key", f"key {key_id.hex()} is part of a slab")
        if found:
            raise InvariantViolatedError(
                "only the ends and the recorded trusted sites know a key", f"{found[0]} could read key {key_id.hex()}"
            )


def conserved(run: Run, *, faultless: bool) -> Counter[str]:
    """Every byte of every slab and chunk is used or held, never both; what is neither is waste."""
    books: Counter[str] = Counter()
    honest = {name: site.manager for name, site in run.world.sites.items() if name not in run.ledger.liars}
    stocks = [
        (name, stock)
        for name, manager in honest.items()
        for stock in manager.kma.stocks.values()
        if stock.peer in honest
    ]
    open_ = {(stock.link, slab) for _, stock in stocks for slab in stock.pending}
    owners: dict[tuple[str, str], str] = {}
    for name, stock in stocks:
        for slab in stock.send.slabs:
            other = owners.setdefault((stock.link, slab), name)
            if other != name:
                raise InvariantViolatedError("a slab has one owner", f"{other} and {name} hold {stock.link}/{slab}")
            books["held"] += _untouched(
                name, f"link {stock.link}", stock.send, slab, run.ledger.slabs[stock.link, slab]
            )
    for name, manager in honest.items():
        for pool in manager.pools.outgoing.values():
            for chunk in pool.ready.slabs:
                books["end to end"] += _untouched(
                    name, f"pool {pool.peer}", pool.ready, chunk, run.ledger.chunks[chunk]
                )
    for place, material in run.ledger.slabs.items():
        if not run.ledger.of_a_liar(place[0]):
            used, salt = sum(material.used), min(SALT_BYTES, len(material.content))
            books["in"] += len(material.content)
            books["salt"] += salt
            books["used"] += used
            books["pending"] += len(material.content) - used - salt if place in open_ - owners.keys() else 0
    books["waste"] = books["in"] - books["salt"] - books["used"] - books["held"] - books["pending"]
    if books["waste"] < 0 or (faultless and books["waste"]):
        raise InvariantViolatedError("bytes in = used + held + waste", f"{dict(books)}, faults: {not faultless}")
    return books


def _untouched(site: str, where: str, pool: KeyPool, name: str, material: Material) -> int:
    """Bytes of a slab that can still be cut; none of them may have been used before."""
    used = material.used.find(1, pool.head(name))
    if used >= 0:
        raise InvariantViolatedError(
            "no byte is used and still held", f"{site}, {where}: byte {used} of {name} will be used again"
        )
    return len(material.content) - pool.head(name)
