"""Certificates that are revoked while a network runs: open connections close, nothing is restarted."""

import contextlib
import http.client
import json
import ssl
import time

import pytest

from qit4n.errors import CertificateError, PeerUnreachableError

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("revocation")]


class KeptOpen:
    """One keep-alive connection of an application to its KME."""

    def __init__(self, net, who):
        files = net.applications[who]
        context = ssl.create_default_context(cafile=files["ca"])
        context.load_cert_chain(files["cert"], files["key"])
        host, port = files["kme"].removeprefix("https://").split(":")
        self.connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=10)
        self.connection.connect()
        self.connection.auto_open = 0  # no second connection behind our back

    def get(self, slave):
        """Ids of keys got on this very connection."""
        self.connection.request("GET", f"/api/v1/keys/{slave}/enc_keys")
        response = self.connection.getresponse()
        answer = json.loads(response.read())
        return [key["key_ID"] for key in answer.get("keys", ())]


def serial_shown_to(net, who):
    """The serial number of the certificate that the application's KME shows on a new connection."""
    fresh = KeptOpen(net, who).connection
    found = fresh.sock.getpeercert()["serialNumber"]
    fresh.close()
    return found


def until_refused(ask, limit_s):
    """Seconds until a request fails."""
    began = time.monotonic()
    while time.monotonic() - began < limit_s:
        try:
            ask()
        except (OSError, http.client.HTTPException, CertificateError, PeerUnreachableError):
            return time.monotonic() - began
        time.sleep(0.05)
    raise AssertionError(f"still answered after {limit_s} s")


def test_a_revoked_application_gets_no_key_on_its_open_connection(start):
    """Within 2 s, there and on new ones; others go on; also after a restart. New ones work, a site's at once."""
    net = start("two-data-centres")
    kept, other = KeptOpen(net, "app-east"), KeptOpen(net, "app-west")
    net.wait_for(lambda status: all(pool["ready_bits"] > 4096 for pool in status["pools"]), "keys")
    assert kept.get("app-west")
    assert other.get("app-east")
    done = net.qit("pki", "revoke", "app-east")
    assert done.returncode == 0, done.stderr
    assert "application app-east" in done.stdout
    until_refused(lambda: kept.get("app-west"), 2.0)
    with pytest.raises((CertificateError, PeerUnreachableError)):
        net.get("app-east", "app-west")
    assert other.get("app-east")
    for one in (kept, other):
        one.connection.close()
    before = serial_shown_to(net, "app-west")
    assert net.qit("pki", "two-data-centres", "--renew", "west").returncode == 0
    net.wait_for(lambda _: serial_shown_to(net, "app-west") != before, "the renewed certificate", 10)
    assert net.get("app-west", "app-east")
    net.stop()

    net = start("two-data-centres", state=net.state)
    with pytest.raises((CertificateError, PeerUnreachableError)):
        net.get("app-east", "app-west")
    assert net.get("app-west", "app-east")
    done = net.qit("pki", "two-data-centres", "--renew", "app-east")
    assert done.returncode == 0, done.stderr
    net.wait_for(lambda status: all(pool["ready_bits"] > 4096 for pool in status["pools"]), "keys")
    assert net.get("app-east", "app-west")


def test_a_revoked_site_is_cut_off(start):
    """The other sites and the controller close what is open with it, and let it in no more."""
    net = start("two-data-centres")
    assert all(site["up"] for site in net.status()["sites"])
    assert net.qit("pki", "revoke", "west").returncode == 0
    net.wait_for(lambda status: [site["site"] for site in status["sites"] if not site["up"]] == ["west"], "a cut", 30)
    with contextlib.suppress(AssertionError):
        net.wait_for(lambda status: all(site["up"] for site in status["sites"]), "nothing", 3)
    assert [site["site"] for site in net.status()["sites"] if not site["up"]] == ["west"]
    assert "is revoked" in (net.state / "logs" / "controller.log").read_text()
    assert "is revoked" in (net.state / "logs" / "site-east.log").read_text()
