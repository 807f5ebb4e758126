"""Where a network tells others what happens in it: nothing, unless the file or the environment says so."""

from typing import Annotated

from msgspec import Meta

from qit4n.network.medium import Part

ENDPOINTS = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
)
"""Names in the environment by which OpenTelemetry is told its receiver."""


class Telemetry(Part, frozen=True, kw_only=True):
    """Receivers of traces, metrics, alarms and events: identifiers and amounts, never keys."""

    otlp: Annotated[
        str,
        Meta(
            pattern=r"^(https?://[^\s?#@]+)?$(?!\n)",
            description="OpenTelemetry receiver of traces and metrics (OTLP over HTTP); the OTEL_* environment wins",
            examples=["http://127.0.0.1:4318"],
        ),
    ] = ""
    nats: Annotated[
        str,
        Meta(
            pattern=r"^((nats|tls)://[^\s/?#@]+)?$(?!\n)",
            description="NATS server with JetStream, which gets alarms and events",
            examples=["nats://127.0.0.1:4222"],
        ),
    ] = ""
    nats_credentials: Annotated[
        str, Meta(description="credentials file of a NATS account; a relative path starts at the state directory")
    ] = ""
