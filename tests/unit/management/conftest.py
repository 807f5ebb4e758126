"""States of a network as the controller tells them."""

import pytest

from qit4n.refpoints import mc


def link(name="ab", state="running", **values):
    """One link that is well, except for ``values``."""
    known = {
        "link": name,
        "ends": tuple(name),
        "state": state,
        "stock_bits": 1000,
        "secret_rate_bps": 100.0,
        "predicted_rate_bps": 110.0,
        "qber": 0.02,
        "predicted_qber": 0.02,
        "blocks": 3,
        "failed_blocks": 0,
        "emulation_speed": 1.0,
    }
    return mc.LinkStatus(**(known | values))


def site(name, up=True, pid=1, **values):
    """One site that is up, except for ``values``."""
    return mc.SiteStatus(site=name, up=up, pid=pid, uptime_s=1.0, memory_bytes=1, unclaimed_keys=0, **values)


def pool(source="a", destination="c", paths=(("a", "b", "c"),), **values):
    """One pool with key, except for ``values``."""
    known = {"trust": "1 path", "ready_bits": 5000, "target_bits": 5000, "supplied_bits": 0}
    return mc.PoolStatus(source=source, destination=destination, paths=paths, **(known | values))


@pytest.fixture
def state():
    """A network a - b - c, and what is to be different about it."""

    def make(at=0.0, links=None, sites=None, pools=None):
        return mc.NetworkStatus(
            network="n",
            at=at,
            sites=tuple(sites or [site(name) for name in "abc"]),
            links=tuple(links or [link("ab"), link("bc")]),
            pools=tuple([pool()] if pools is None else pools),
            alarms=(),
        )

    return make
