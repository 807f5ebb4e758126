"""A small key manager of another network, from the text of ETSI GS QKD 020 V1.1.1 alone: asynchronous mode only.

It shares no code with the package. What it is handed it keeps, acknowledges at the callback address, and gives nobody.
"""

import base64
import http.client
import http.server
import json
import ssl
import threading
import urllib.parse
import uuid


class ForeignKME:
    """``behaviour`` says what becomes of keys: relayed, failed, silent (accepted, and never acknowledged)."""

    def __init__(self, certificate, key, authority):
        self.behaviour = "relayed"
        self.keys, self.voided, self.acks, self.requests = {}, set(), [], []
        self.heard = threading.Event()
        self._client = ssl.create_default_context(cafile=authority)
        self._client.load_cert_chain(certificate, key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(certificate, key)
        context.load_verify_locations(authority)
        context.verify_mode = ssl.CERT_REQUIRED
        kme = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.reply(200, {"versions": ["v1"]}) if self.path == "/kmapi/versions" else self.reply(404)

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                kme.requests.append((self.path, body))
                self.reply(*kme.take(self.path, body))

            def reply(self, status, body=None):
                content = b"" if body is None else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json; charset=UTF-8")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def take(self, path, body):
        """Status and body of an answer; acknowledgements follow from another thread."""
        if path == "/kmapi/v1/ext_keys/ack":
            self.acks += body
            self.heard.set()
            return 200, None
        if "ack_callback_url" not in body:
            kind = "https://qkd.etsi.org/gs020-interop-kms/missing-parameters"
            return 400, {"type": kind, "status": 400, "details": {"missing_parameters": "ack_callback_url"}}
        if path == "/kmapi/v1/ext_keys":
            ids = [key["key_id"] for key in body["keys"]]
            self.keys |= {key["key_id"]: base64.b64decode(key["value"], validate=True) for key in body["keys"]}
            status = self.behaviour
        else:
            ids, status = body["key_ids"], "voided"
            self.voided |= set(ids)
            for key_id in ids:
                self.keys.pop(key_id, None)
        if status != "silent":
            threading.Thread(target=self._acknowledge, args=(body, ids, status), daemon=True).start()
        return 202, None

    def _acknowledge(self, body, ids, status):
        """Each key in a request of its own, as the document allows."""
        for key_id in ids:
            ack = {"key_id_container": [{"key_id": key_id}], "ack_status": status}
            ack |= {name: body[name] for name in ("initiator_sae_id", "target_sae_ids")}
            self.post(body["ack_callback_url"], [ack])

    def post(self, url, body):
        """Status and JSON of the answer of the other side."""
        parts = urllib.parse.urlsplit(url)
        connection = http.client.HTTPSConnection(parts.hostname, parts.port, context=self._client, timeout=20)
        try:
            connection.request(
                "POST", parts.path, json.dumps(body), {"Content-Type": "application/json; charset=UTF-8"}
            )
            answer = connection.getresponse()
            content = answer.read()
            return answer.status, json.loads(content) if content else None
        finally:
            connection.close()

    def container(self, initiator, target, values):
        """An ext_key_container with fresh ids that asks to be called back here."""
        keys = [{"key_id": str(uuid.uuid4()), "value": base64.b64encode(value).decode()} for value in values]
        return {
            "keys": keys,
            "initiator_sae_id": initiator,
            "target_sae_ids": [target],
            "ack_callback_url": f"{self.url}/kmapi/v1/ext_keys/ack",
        }
