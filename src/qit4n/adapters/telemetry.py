"""OpenTelemetry over OTLP/HTTP: spans that end here, and the manager's metrics. Needs the extra ``telemetry``.

Off unless the network file or the environment (OTEL_EXPORTER_OTLP_ENDPOINT and its kin) names a receiver; how much is
sampled, how often metrics go and with which headers is the environment's to say, by the names of OpenTelemetry. A
receiver that is away costs what did not fit into the exporter's queue, and nothing else.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import requests
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Decision, Sampler, TraceIdRatioBased
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags
from prometheus_client.core import Metric

from qit4n.network.telemetry import ENDPOINTS

SCOPE = InstrumentationScope("qit4n")
KINDS = {"server": SpanKind.SERVER, "client": SpanKind.CLIENT}


@dataclass(frozen=True, kw_only=True)
class Span:
    """A span that has ended; times in seconds since the Unix epoch; ``error`` is empty if it went well."""

    name: str
    kind: str
    trace: bytes
    span: bytes
    parent: bytes
    begin: float
    end: float
    attributes: Mapping[str, str | int]
    error: str = ""


class SpanExport:
    """Sends spans of one process in batches, from a thread of its own."""

    def __init__(self, otlp: str, role: str, instance: str, network: str) -> None:
        """Send to the file's receiver ``otlp``, or to that of the environment if there is one."""
        self._resource = _resource(role, instance, network)
        exporter = OTLPSpanExporter(endpoint=_endpoint(otlp, "traces"), session=_session(), timeout=_limit_s())
        self._processor = BatchSpanProcessor(exporter)
        self._sampler = _sampler()

    def ended(self, span: Span) -> None:
        """Send a span, if its trace is sampled: every process decides alike, by the id of the trace."""
        trace = int.from_bytes(span.trace)
        if self._sampler.should_sample(None, trace, span.name).decision is Decision.DROP:
            return
        context = SpanContext(trace, int.from_bytes(span.span), is_remote=False, trace_flags=TraceFlags(1))
        parent = SpanContext(trace, int.from_bytes(span.parent), is_remote=True, trace_flags=TraceFlags(1))
        self._processor.on_end(
            ReadableSpan(
                name=span.name,
                context=context,
                parent=parent if span.parent else None,
                resource=self._resource,
                attributes=dict(span.attributes),
                kind=KINDS[span.kind],
                status=Status(StatusCode.ERROR, span.error) if span.error else Status(StatusCode.OK),
                start_time=int(span.begin * 1e9),
                end_time=int(span.end * 1e9),
                instrumentation_scope=SCOPE,
            )
        )

    def close(self) -> None:
        """Send what waits, for some seconds at most."""
        self._processor.shutdown()  # type: ignore[no-untyped-call]


class MetricExport:
    """Sends the metrics that ``families`` gives (those of ``/metrics``) from time to time."""

    def __init__(self, otlp: str, network: str, families: Callable[[], Iterable[Metric]]) -> None:
        """Begin; ``families`` has all its metrics by now, and is called in another thread."""
        exporter = OTLPMetricExporter(endpoint=_endpoint(otlp, "metrics"), session=_session(), timeout=_limit_s())
        self._provider = MeterProvider(
            [PeriodicExportingMetricReader(exporter)], resource=_resource("manager", network, network)
        )
        meter = self._provider.get_meter("qit4n")
        for family in families():
            make = meter.create_observable_counter if family.type == "counter" else meter.create_observable_gauge
            make(family.name, [_observer(family.name, families)], description=family.documentation)

    def close(self) -> None:
        """Send the last values, for some seconds at most."""
        self._provider.shutdown(timeout_millis=2000)


def _observer(
    name: str, families: Callable[[], Iterable[Metric]]
) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(_: CallbackOptions) -> Iterable[Observation]:
        for family in families():
            if family.name == name:
                for sample in family.samples:
                    yield Observation(float(sample.value), dict(sample.labels))

    return observe


def _resource(role: str, instance: str, network: str) -> Resource:
    return Resource.create(
        {"service.name": f"qit4n-{role}", "service.instance.id": instance, "service.namespace": network}
    )


def _endpoint(otlp: str, what: str) -> str | None:
    """None is what the environment says."""
    return None if not otlp or any(os.environ.get(name) for name in ENDPOINTS) else f"{otlp.rstrip('/')}/v1/{what}"


def _limit_s() -> float | None:
    """How long one export is tried, also when the process ends; None is what the environment says."""
    return None if os.environ.get("OTEL_EXPORTER_OTLP_TIMEOUT") else 2.0


def _session() -> Any:
    session = requests.Session()
    session.trust_env = False  # the receiver is named; no proxy stands between
    return session


def _sampler() -> Sampler:
    name = os.environ.get("OTEL_TRACES_SAMPLER", "")
    if name.endswith("always_off"):
        return TraceIdRatioBased(0.0)
    if name.endswith("traceidratio"):
        return TraceIdRatioBased(float(os.environ.get("OTEL_TRACES_SAMPLER_ARG", "1")))
    return ALWAYS_ON
