"""A correct pair of KMEs in memory, over real mutual TLS; ``brokenkmes.py`` breaks it in one place at a time."""

import base64
import json
import os
import ssl
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

KEY_SIZE, LEAST, MOST, PER_REQUEST, ADDITIONAL = 256, 64, 1024, 16, 2
STOCK_BITS = 60_000
REFILL_S = 0.05
SIZE = "size shall be a multiple of 8"
MANDATORY = "not all extension_mandatory parameters are supported"
NOT_FOUND = "one or more keys specified are not found on KME"


class RefusalError(Exception):
    """An answer that is not 200."""

    def __init__(self, status, message, details=()):
        super().__init__(message)
        self.status, self.message, self.details = status, message, list(details)


class Held:
    """A key that was delivered; who has yet to fetch it."""

    def __init__(self, value, master, slaves, batch):
        self.value, self.master, self.slaves, self.left, self.batch = value, master, slaves, set(slaves), batch


class Pair:
    """Both KMEs. The methods are where a KME can go wrong; a broken one overrides one of them."""

    raw = drip = None  # instead of an answer: these bytes; what this writes

    def __init__(self, state, foreign):
        """``state`` has certificates of sites A and B; ``foreign`` those of another authority."""
        self.state, self.foreign = state, foreign
        self.sites = {"alice": "A", "bob": "B", "carol": "B"}
        self.held, self.lock = {}, threading.RLock()
        self.stock, self.short_since = STOCK_BITS, None
        self.servers = [Server(self, site) for site in "AB"]

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()

    # connection

    def certificates(self, site):
        return self.state / "sites" / site

    def tls(self, context):
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_REQUIRED

    def caller(self, certificate, headers):
        """The SAE ID of a certificate."""
        uri = next(value for kind, value in certificate["subjectAltName"] if kind == "URI")
        return uri.rpartition(":")[2]

    def respond(self, site, caller, request):
        """Status and document of an answer."""
        parts = urlsplit(request.path)
        try:
            if not parts.path.startswith("/api/v1/keys/") or len(parts.path.split("/")) != 6:
                return self.elsewhere(parts.path)
            other, method = unquote(parts.path.split("/")[4]), parts.path.split("/")[5]
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            self.known(caller)
            if method == "status":
                return 200, self.status(site, caller, other)
            if method == "enc_keys":
                return 200, self.get_key(site, caller, other, self.wanted(request, query))
            if method == "dec_keys":
                return 200, self.get_by_id(caller, other, self.ids(request, query))
            return self.elsewhere(parts.path)
        except RefusalError as error:
            return error.status, self.error(error)

    def known(self, caller):
        if caller not in self.sites:
            raise RefusalError(401, "unknown SAE")

    def elsewhere(self, path):
        return 404, {"message": "no such path"}

    def error(self, error):
        return {"message": error.message} | ({"details": error.details} if error.details else {})

    def fields(self, status):
        return {"Content-Type": "application/json", "Cache-Control": "no-store"}

    # clause 5.2

    def status(self, site, caller, slave):
        return {
            "source_KME_ID": site,
            "target_KME_ID": self.sites.get(slave, "B"),
            "master_SAE_ID": caller,
            "slave_SAE_ID": slave,
            "key_size": KEY_SIZE,
            "stored_key_count": self.ready() // KEY_SIZE,
            "max_key_count": STOCK_BITS // KEY_SIZE,
            "max_key_per_request": PER_REQUEST,
            "max_key_size": MOST,
            "min_key_size": LEAST,
            "max_SAE_ID_count": ADDITIONAL,
        }

    def ready(self):
        """Bits in stock; a shortage ends after a while."""
        if self.short_since is not None and time.monotonic() > self.short_since + REFILL_S:
            self.stock, self.short_since = STOCK_BITS, None
        return self.stock

    # clause 5.3

    def wanted(self, request, query):
        """The Key request."""
        if request.command == "POST":
            return self.members(request.body)
        return self.parameters(query)

    def members(self, body):
        return self.decoded(body) if body else {}

    def decoded(self, body):
        try:
            found = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise RefusalError(400, "the body is no JSON") from error
        if not isinstance(found, dict):
            raise RefusalError(400, "the body is no object")
        return found

    def parameters(self, query):
        return {name: int(query[name]) for name in ("number", "size") if name in query}

    def integer(self, members, name, default):
        value = members.get(name, default)
        if type(value) is not int or value < 1:
            raise RefusalError(400, f"{name} shall be a positive integer")
        return value

    def size(self, members):
        size = self.integer(members, "size", KEY_SIZE)
        if size % 8:
            raise RefusalError(400, SIZE)
        if not LEAST <= size <= MOST:
            raise RefusalError(400, "size out of range")
        return size

    def number(self, members):
        number = self.integer(members, "number", 1)
        if number > PER_REQUEST:
            raise RefusalError(400, "number above max_key_per_request")
        return number

    def slaves(self, caller, slave, members):
        additional = members.get("additional_slave_SAE_IDs", [])
        if not isinstance(additional, list) or len(additional) > ADDITIONAL:
            raise RefusalError(400, "bad additional_slave_SAE_IDs")
        if caller == slave:
            raise RefusalError(400, "master and slave are the same")
        if any(one not in self.sites for one in (slave, *additional)):
            raise RefusalError(400, "unknown slave")
        return (slave, *additional)

    def extensions(self, members):
        mandatory = members.get("extension_mandatory", [])
        if not isinstance(mandatory, list):
            raise RefusalError(400, "extension_mandatory shall be an array")
        if mandatory:
            raise RefusalError(400, MANDATORY, [{"extension_mandatory_unsupported": name} for name in mandatory[0]])

    def get_key(self, site, caller, slave, members):
        with self.lock:
            self.extensions(members)
            number, size, slaves = self.number(members), self.size(members), self.slaves(caller, slave, members)
            self.take(number * size)
            batch = self.make(number, size)
            for key_id, value in batch:
                self.hold(key_id, Held(self.copy(value), caller, slaves, [key_id for key_id, _ in batch]))
            return {"keys": [self.entry(key_id, value) for key_id, value in batch]}

    def take(self, bits):
        if self.ready() < bits:
            self.short_since = self.short_since or time.monotonic()
            raise RefusalError(503, "not enough keys")
        self.stock -= bits

    def make(self, number, size):
        made = [str(uuid.uuid4()) for _ in range(number)]
        return [(key_id, self.value(key_id, size)) for key_id in made]

    def value(self, key_id, size):
        return os.urandom(size // 8)

    def hold(self, key_id, held):
        self.held[key_id] = held

    def copy(self, value):
        """The slave's copy of a value."""
        return value

    def entry(self, key_id, value):
        return {"key_ID": key_id, "key": base64.b64encode(value).decode()}

    # clause 5.4

    def ids(self, request, query):
        """The key_IDs asked for."""
        if request.command == "GET":
            return [self.uuid(query.get("key_ID"))]
        found = self.decoded(request.body).get("key_IDs")
        if not isinstance(found, list) or not found:
            raise RefusalError(400, "key_IDs shall be an array of objects")
        return [self.uuid(one.get("key_ID") if isinstance(one, dict) else None) for one in found]

    def uuid(self, text):
        try:
            return str(uuid.UUID(text))
        except (ValueError, AttributeError, TypeError) as error:
            raise RefusalError(400, "key_ID shall be a UUID") from error

    def get_by_id(self, caller, master, ids):
        with self.lock:
            for key_id in ids:
                self.check(caller, master, key_id)
            found = [self.entry(key_id, self.value_for(caller, self.held[key_id])) for key_id in ids]
            for key_id in ids:
                self.fetched(caller, key_id)
            return {"keys": found}

    def check(self, caller, master, key_id):
        """May the caller have this key?"""
        held = self.held.get(key_id)
        if held is None or held.master != master:
            raise RefusalError(400, NOT_FOUND)
        if caller not in held.slaves:
            raise RefusalError(401, "not a slave of this key")
        if caller not in held.left:
            raise RefusalError(400, NOT_FOUND)

    def value_for(self, caller, held):
        return held.value

    def fetched(self, caller, key_id):
        self.held[key_id].left.discard(caller)


class Server(ThreadingHTTPServer):
    """One KME of a pair."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, pair, site):
        super().__init__(("127.0.0.1", 0), Handler)
        self.pair, self.site = pair, site
        files = pair.certificates(site)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files / "cert.pem", files / "key.pem")
        context.load_verify_locations(pair.state / "ca" / "ca.pem")
        pair.tls(context)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def handle_error(self, request, client_address):
        """A client that breaks off is none of the mock's business."""


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    timeout = 5
    wbufsize = -1  # the answer leaves in one piece

    def do_GET(self):
        pair = self.server.pair
        if pair.raw is not None or pair.drip is not None:
            self.close_connection = True
            return self.wfile.write(pair.raw) if pair.drip is None else pair.drip(self.connection.sendall)
        return self.answer(pair)

    def answer(self, pair):
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        caller = pair.caller(self.connection.getpeercert(), self.headers)
        status, document = pair.respond(self.server.site, caller, self)
        content = json.dumps(document).encode()
        self.send_response(status)
        for name, value in pair.fields(status).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_):
        """Silent."""
