"""One broken KME per check of ``qit conformance``: what is wrong with it, and which other checks notice as well."""

import hashlib
import ssl
import threading
import time
import warnings
from pathlib import Path

import mockkme
from mockkme import KEY_SIZE, LEAST, MOST, Pair, RefusalError

BROKEN = {}


def breaks(check, **others):
    """This class fails ``check``; ``others`` are further checks with the outcome that they must have."""

    def keep(made):
        BROKEN[check] = (made, {name.replace("_", "-"): outcome for name, outcome in others.items()})
        return made

    return keep


@breaks("connection")
class AnotherAuthority(Pair):
    """The KMEs' certificates are signed by another authority."""

    def certificates(self, site):
        return self.foreign / "sites" / site


@breaks("client-certificate")
class NoCertificateNeeded(Pair):
    """Who shows no certificate is taken for alice."""

    def tls(self, context):
        context.verify_mode = ssl.CERT_OPTIONAL

    def caller(self, certificate, headers):
        return super().caller(certificate, headers) if certificate else "alice"


@breaks("tls-version")
class OldTLS(Pair):
    """TLS 1.0 and 1.1 are spoken as well."""

    def tls(self, context):
        super().tls(context)
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1


@breaks("status-parties")
class SwappedParties(Pair):
    """Status names the slave as master."""

    def status(self, site, caller, slave):
        return super().status(site, caller, slave) | {"master_SAE_ID": slave, "slave_SAE_ID": caller}


@breaks("identity")
class IdentityByHeader(Pair):
    """A header field that a proxy would set overrides the certificate (seen in the field)."""

    def caller(self, certificate, headers):
        return headers.get("x-sae-id") or super().caller(certificate, headers)

    def status(self, site, caller, slave):
        self.slaves(caller, slave, {})
        return super().status(site, caller, slave)


@breaks("status-members")
class MissingMember(Pair):
    """Status lacks a member."""

    def status(self, site, caller, slave):
        found = super().status(site, caller, slave)
        del found["max_key_count"]
        return found


@breaks("status-limits")
class MoreThanItHolds(Pair):
    """Status has more keys in store than the store can hold."""

    def status(self, site, caller, slave):
        return super().status(site, caller, slave) | {"max_key_count": 1}


@breaks("stored-key-count", stock_told="fail")
class MoreThanThereIs(Pair):
    """Status tells a stock that was never there."""

    def status(self, site, caller, slave):
        self.stock = min(self.stock, 20 * KEY_SIZE)
        return super().status(site, caller, slave) | {"stored_key_count": 100}


@breaks("unknown-slave")
class AnySlave(Pair):
    """Keys are made for a slave that nobody knows."""

    def slaves(self, caller, slave, members):
        return super().slaves(caller, slave, members) if slave in self.sites else (slave,)


@breaks("self-pair")
class SelfPair(Pair):
    """An SAE shares keys with itself."""

    def slaves(self, caller, slave, members):
        return (slave,) if slave == caller else super().slaves(caller, slave, members)


@breaks("long-ids", status_codes="warn")
class LongNameNotFound(Pair):
    """A long SAE ID is 414."""

    def slaves(self, caller, slave, members):
        if len(slave) > 255:
            raise RefusalError(414, "URI too long")
        return super().slaves(caller, slave, members)


@breaks("pool-private")
class OpenPool(Pair):
    """An address for debugging lists the pool (seen in the field)."""

    def elsewhere(self, path):
        return (200, {"pool": [self.entry("", b"x" * 32)]}) if path == "/api/v1/kme/key-pool" else (404, {})


@breaks("defaults", empty_body="warn", get_form="fail")
class SmallDefault(Pair):
    """A request without a size gets the least size, not key_size."""

    def size(self, members):
        return super().size({"size": LEAST} | members)


@breaks("empty-body")
class BodyNeeded(Pair):
    """A POST without a body is malformed."""

    def members(self, body):
        return self.decoded(body)


@breaks("get-form")
class ParametersNeeded(Pair):
    """A GET needs parameters."""

    def parameters(self, query):
        if not query:
            raise RefusalError(400, "no parameters")
        return super().parameters(query)


@breaks("get-parameters")
class NumberIgnored(Pair):
    """A GET ignores number (seen in the field)."""

    def parameters(self, query):
        return super().parameters({name: value for name, value in query.items() if name != "number"})


@breaks("number")
class ShortList(Pair):
    """One key fewer than asked for."""

    def number(self, members):
        return 2 if members.get("number") == 3 else super().number(members)


@breaks("size")
class SizeIgnored(Pair):
    """A POST gets key_size whatever it asks for (seen in the field)."""

    def size(self, members):
        super().size(members)
        return KEY_SIZE

    def parameters(self, query):
        found = super().parameters(query)
        self.size = (lambda _: self.once(found["size"])) if found.get("size", 1) % 8 == 0 else self.size
        return found

    def once(self, size):
        del self.size
        return size


@breaks("size-multiple-of-8")
class OtherMessage(Pair):
    """The error message is not the fixed one."""

    def size(self, members):
        try:
            return super().size(members)
        except RefusalError as error:
            raise RefusalError(400, "bad size") from error


@breaks("size-range")
class SizeRounded(Pair):
    """A size out of range is made to fit."""

    def size(self, members):
        wanted = members.get("size")
        inside = type(wanted) is not int or wanted < 1 or wanted % 8 or LEAST <= wanted <= MOST
        return super().size(members) if inside else KEY_SIZE


@breaks("number-limit")
class NumberCut(Pair):
    """A number above the limit gives the limit."""

    def number(self, members):
        wanted = members.get("number", 1)
        return super().number({"number": 16} if type(wanted) is int and wanted > 16 else members)


@breaks("number-positive")
class NoKeysAsked(Pair):
    """Zero keys are a 200 without keys."""

    def number(self, members):
        return 0 if members.get("number") == 0 else super().number(members)


@breaks("malformed")
class MalformedIsDefault(Pair):
    """What is no JSON asks for the defaults."""

    def wanted(self, request, query):
        try:
            return super().wanted(request, query)
        except RefusalError:
            return {}


@breaks("wrong-types")
class TextIsNumber(Pair):
    """The text '1' is taken for the number."""

    def integer(self, members, name, default):
        text = members.get(name)
        return int(text) if isinstance(text, str) else super().integer(members, name, default)


@breaks("unknown-members")
class UnknownMembersRefused(Pair):
    """A member of a later version of the document is refused."""

    def extensions(self, members):
        super().extensions(members)
        if "x_unknown" in members:
            raise RefusalError(400, "unknown member")


@breaks("extension-mandatory")
class MandatoryIgnored(Pair):
    """Mandatory extensions are ignored."""

    def extensions(self, members):
        if not isinstance(members.get("extension_mandatory"), list):
            super().extensions(members)


@breaks("extension-optional")
class OptionalRefused(Pair):
    """Optional extensions are refused, in words of its own."""

    def extensions(self, members):
        super().extensions(members)
        if "extension_optional" in members:
            raise RefusalError(400, "unknown option")


@breaks("multicast-limit")
class UnknownAdditional(Pair):
    """Additional slaves that nobody knows are left out in silence, however many."""

    def slaves(self, caller, slave, members):
        extra = members.get("additional_slave_SAE_IDs", [])
        known = [one for one in extra if one in self.sites] if isinstance(extra, list) else extra
        return super().slaves(caller, slave, members | {"additional_slave_SAE_IDs": known})


@breaks("multicast")
class OtherKeyForAdditional(Pair):
    """The additional slave gets another key."""

    def value_for(self, caller, held):
        return bytes(len(held.value)) if caller in held.slaves[1:] else held.value


@breaks("equality", simultaneous_start="fail", both_directions="fail")
class UnequalOneWay(Pair):
    """What the slave's side asks for differs at the other end."""

    def value_for(self, caller, held):
        return bytes(len(held.value)) if caller == "alice" else held.value


@breaks("get-form-by-id")
class PostOnly(Pair):
    """dec_keys takes no GET."""

    def ids(self, request, query):
        if request.command == "GET" and len(query.get("key_ID", "")) == 36 and self.fresh(query["key_ID"]):
            raise RefusalError(400, "POST only")
        return super().ids(request, query)

    def fresh(self, key_id):
        return key_id in self.held and self.held[key_id].left


@breaks("batch")
class OneRequestOnly(Pair):
    """Keys of one enc_keys only are delivered together."""

    def get_by_id(self, caller, master, ids):
        found = super().get_by_id(caller, master, ids)
        return {"keys": [one for one in found["keys"] if one["key_ID"] in self.held[ids[0]].batch]}


@breaks("one-by-one")
class WholeBatchErased(Pair):
    """With one key of a request all of them are gone."""

    def fetched(self, caller, key_id):
        for one in self.held[key_id].batch:
            super().fetched(caller, one)


@breaks("id-case")
class CaseMatters(Pair):
    """A key_ID in capital letters is another one."""

    def uuid(self, text):
        super().uuid(text)
        return text


@breaks("unknown-id")
class OwnWords(Pair):
    """The message for an unknown key_ID is not the fixed one."""

    def check(self, caller, master, key_id):
        if key_id not in self.held:
            raise RefusalError(400, "no such key")
        super().check(caller, master, key_id)


@breaks("malformed-ids")
class NothingAskedNothingGiven(Pair):
    """An empty list of key_IDs is a 200 without keys."""

    def ids(self, request, query):
        if request.command == "POST" and self.decoded(request.body).get("key_IDs") in (None, []):
            return []
        return super().ids(request, query)


@breaks("long-key-ids", status_codes="warn")
class LongIDBreaks(Pair):
    """A long key_ID is an internal error of the database."""

    def uuid(self, text):
        if isinstance(text, str) and len(text) > 255:
            raise RefusalError(500, "value too long for type character varying(255)")
        return super().uuid(text)


@breaks("replay")
class GivenAgain(Pair):
    """The slave may fetch its copy again and again (seen in the field)."""

    def fetched(self, caller, key_id):
        pass


@breaks("one-wrong-id", atomicity="skipped")
class PartialAnswer(Pair):
    """Unknown key_IDs are left out of the answer."""

    def get_by_id(self, caller, master, ids):
        return super().get_by_id(caller, master, [one for one in ids if one in self.held] or ids)


@breaks("atomicity")
class RefusedButConsumed(Pair):
    """The good keys of a refused list are gone."""

    def get_by_id(self, caller, master, ids):
        try:
            return super().get_by_id(caller, master, ids)
        except RefusalError:
            for key_id in ids[:-1]:
                self.fetched(caller, key_id)
            raise


@breaks("not-the-master")
class MasterFetches(Pair):
    """The master may fetch its own keys by id."""

    def get_by_id(self, caller, master, ids):
        if all(one in self.held and self.held[one].master == caller for one in ids):
            return {"keys": [self.entry(one, self.held[one].value) for one in ids]}
        return super().get_by_id(caller, master, ids)


@breaks("stranger")
class AnybodyFetches(Pair):
    """carol may fetch every key."""

    def check(self, caller, master, key_id):
        if caller != "carol":
            super().check(caller, master, key_id)


@breaks("many-before-dec")
class KeepsTheLast(Pair):
    """Only the last keys of a master can be fetched (seen in the field)."""

    def hold(self, key_id, held):
        super().hold(key_id, held)
        mine = [one for one in self.held if self.held[one].master == held.master]
        for one in mine[:-15]:
            del self.held[one]


class InFlight(Pair):
    """Knows how many applications each KME serves at the moment."""

    def __init__(self, *args):
        self.busy, self.gate = {"A": 0, "B": 0}, threading.Lock()
        super().__init__(*args)

    def get_key(self, site, caller, slave, members):
        with self.gate:
            self.busy[site] += 1
        try:
            self.meanwhile(site)
            return super().get_key(site, caller, slave, members)
        finally:
            with self.gate:
                self.busy[site] -= 1


@breaks("simultaneous-start", both_directions="fail", bounded_wait="warn")
class WaitsForTheOther(InFlight):
    """Each KME waits for the other one while its own request is open: a distributed deadlock (seen in the field)."""

    def meanwhile(self, site):
        time.sleep(0.02)
        until = time.monotonic() + 1.2
        while self.busy["AB".replace(site, "")] and time.monotonic() < until:
            time.sleep(0.01)


@breaks("both-directions")
class MixesUpUnderLoad(InFlight):
    """With three requests at once a copy gets the wrong value."""

    def meanwhile(self, site):
        time.sleep(0.02)

    def copy(self, value):
        return bytes(len(value)) if sum(self.busy.values()) > 2 else value


@breaks("refill")
class NeverRefills(Pair):
    """A stock that was exhausted stays so (seen in the field)."""

    dry = False

    def ready(self):
        return 0 if self.dry else super().ready()

    def take(self, bits):
        try:
            super().take(bits)
        except RefusalError:
            self.dry = self.dry or bits == 16 * MOST
            raise


@breaks("stock-told")
class UsedKeysCount(Pair):
    """Keys that are gone count as stock (seen in the field)."""

    def status(self, site, caller, slave):
        return super().status(site, caller, slave) | {"stored_key_count": mockkme.STOCK_BITS // KEY_SIZE}


@breaks("restart")
class ForgetsAtRestart(Pair):
    """Keys that were delivered are kept in memory only."""

    def get_by_id(self, caller, master, ids):
        restarted = Path(self.state / "restarted")
        if restarted.exists():
            self.held.clear()
        return super().get_by_id(caller, master, ids)


@breaks("container-form")
class NoPadding(Pair):
    """Base64 without padding."""

    def entry(self, key_id, value):
        found = super().entry(key_id, value)
        return found | {"key": found["key"].rstrip("=")}


@breaks("error-form")
class DetailsAsObject(Pair):
    """The details of an Error are an object, not an array."""

    def error(self, error):
        return super().error(error) | {"details": {"reason": "none"}}


@breaks("content-type")
class Html(Pair):
    """JSON that says it is HTML."""

    def fields(self, status):
        return super().fields(status) | {"Content-Type": "text/html"}


@breaks("status-codes")
class AuthorizationForbidden(Pair):
    """A request with the field Authorization is 403."""

    def respond(self, site, caller, request):
        return (403, {}) if "Authorization" in request.headers else super().respond(site, caller, request)


@breaks("no-store")
class MayBeCached(Pair):
    """Nothing forbids caching."""

    def fields(self, status):
        return {"Content-Type": "application/json"}


@breaks("bounded-wait", long_key_ids="warn")
class Hangs(Pair):
    """A long key_ID gets no answer."""

    def uuid(self, text):
        if isinstance(text, str) and len(text) > 255:
            time.sleep(1.5)
        return super().uuid(text)


@breaks("fresh-keys")
class SameKeyTwice(Pair):
    """Every key has the same value."""

    def value(self, key_id, size):
        return b"one and the same key for everybody"[: size // 8].ljust(size // 8, b".")


@breaks("secret-keys")
class KeyFromItsID(Pair):
    """The key is the hash of its id (seen in the field)."""

    def value(self, key_id, size):
        return (hashlib.sha256(key_id.encode()).digest() * (mockkme.MOST // 256))[: size // 8]
