"""The manager's metrics in the Prometheus text format: identifiers and amounts only."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from qit4n.management.correlation import pool_name
from qit4n.management.history import STATES
from qit4n.management.overview import SEVERITIES, Overview
from qit4n.refpoints import mc


def exposition(overview: Overview) -> bytes:
    """All metrics as they are now."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(overview))
    return generate_latest(registry)


def families(overview: Overview) -> Iterator[Metric]:
    """The metrics as they are now, for other exporters; none before the first state of the network."""
    return _Collected(overview).collect()


class _Collected(Collector):
    def __init__(self, overview: Overview) -> None:
        self._overview = overview

    def collect(self) -> Iterator[Metric]:
        status = self._overview.status
        if status is None:
            return
        yield from _links(status)
        yield from _pools(status)
        yield from _supply(self._overview)
        up = GaugeMetricFamily("qit_site_up", "1 if the site reports", labels=["site"])
        for site in status.sites:
            up.add_metric([site.site], site.up)
        yield up
        alarms = GaugeMetricFamily("qit_alarms", "standing alarms", labels=["severity"])
        for severity in SEVERITIES:
            alarms.add_metric([severity], sum(one.severity == severity for one in self._overview.alarms))
        yield alarms


def _links(status: mc.NetworkStatus) -> Iterator[Metric]:
    stock = GaugeMetricFamily("qit_link_stock_bits", "key in stock, both directions", labels=["link"])
    rate = GaugeMetricFamily("qit_link_secret_rate_bps", "secret key rate over the last blocks", labels=["link"])
    qber = GaugeMetricFamily("qit_link_qber_ratio", "quantum bit error rate of the last block", labels=["link"])
    state = GaugeMetricFamily("qit_link_state", "1 for the state that the link is in", labels=["link", "state"])
    for link in status.links:
        stock.add_metric([link.link], link.stock_bits)
        rate.add_metric([link.link], link.secret_rate_bps)
        if link.qber is not None:
            qber.add_metric([link.link], link.qber)
        for name in STATES:
            state.add_metric([link.link, name], link.state == name)
    yield from (stock, rate, qber, state)


def _pools(status: mc.NetworkStatus) -> Iterator[Metric]:
    ready = GaugeMetricFamily("qit_pool_ready_bits", "key ready end to end", labels=["pool"])
    target = GaugeMetricFamily("qit_pool_target_bits", "key to be kept ready", labels=["pool"])
    paths = GaugeMetricFamily("qit_pool_paths", "paths that the pool has now", labels=["pool"])
    for pool in status.pools:
        ready.add_metric([pool_name(pool)], pool.ready_bits)
        target.add_metric([pool_name(pool)], pool.target_bits)
        paths.add_metric([pool_name(pool)], len(pool.paths))
    yield from (ready, target, paths)


def _supply(overview: Overview) -> Iterator[Metric]:
    labels = ["master", "slave"]
    bits = CounterMetricFamily(
        "qit_supplied_bits", "KSA-key bits supplied to masters (Y.3807 throughput)", labels=labels
    )
    lost = CounterMetricFamily("qit_lost_keys", "KSA-keys asked for and not supplied (Y.3807 KKDLR)", labels=labels)
    delay = CounterMetricFamily("qit_response_delay_seconds", "sum of response delays (Y.3807 KKRD)", labels=labels)
    requests = CounterMetricFamily("qit_requests", "requests for KSA-keys", labels=labels)
    for name, totals in overview.performance.state.pairs.items():
        pair = name.split(">")
        bits.add_metric(pair, totals.bits_supplied)
        lost.add_metric(pair, totals.keys_lost)
        delay.add_metric(pair, totals.delay_sum_s)
        requests.add_metric(pair, totals.requests)
    yield from (bits, lost, delay, requests)
