"""Certificates and pre-shared keys: made once, kept, checked, named when they do not fit."""

import datetime
import ssl

import pytest
from cryptography import x509
from msgspec.structs import replace

from qit4n.adapters import certificates, tls
from qit4n.errors import CertificateError, StoreError
from qit4n.network.file import load


@pytest.fixture(scope="module")
def network():
    """The smallest example."""
    return load("two-data-centres")


@pytest.fixture
def state(network, tmp_path):
    """A fresh state directory with everything in it."""
    certificates.issue_all(network, tmp_path)
    return tmp_path


def snapshot(state):
    return {file: file.read_bytes() for file in state.rglob("*") if file.is_file()}


def test_everything_is_made_once_and_then_kept(network, state):
    """A second run changes no byte."""
    before = snapshot(state)
    made = certificates.issue_all(network, state)
    assert {one.action for one in made} == {"kept"}
    assert snapshot(state) == before


def test_a_state_directory_is_of_one_network(network, state):
    """Another one is refused with both names, and nothing is made: keys of the two would be mixed."""
    before = snapshot(state)
    with pytest.raises(CertificateError, match=r"of network two-data-centres, not of other: .* --state"):
        certificates.issue_all(replace(network, name="other"), state)
    assert snapshot(state) == before


def test_private_files_are_private(state):
    """No file is readable by group or others."""
    assert all(file.stat().st_mode & 0o077 == 0 for file in snapshot(state))


def test_a_certificate_says_whose_it_is(state):
    """URI with network, role and id; common name; hosts only for sites; an operator is a client alone."""
    site = certificates.read_certificate(state / "sites" / "east" / "cert.pem")
    names = site.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["urn:qit4n:two-data-centres:site:east"]
    assert "127.0.0.1" in {str(one) for one in names.get_values_for_type(x509.IPAddress)}
    application = certificates.read_certificate(state / "applications" / "app-east" / "cert.pem")
    names = application.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [type(name) for name in names] == [x509.UniformResourceIdentifier]
    operator = certificates.read_certificate(state / "operator" / "cert.pem")
    usage = operator.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert x509.oid.ExtendedKeyUsageOID.SERVER_AUTH not in usage


def test_both_ends_of_a_link_share_their_preshared_key(state):
    """The same 256 one-time keys with the same public name at both ends."""
    files = [state / "sites" / site / "psk" / "east-west.key" for site in ("east", "west")]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert len(files[0].read_bytes()) == 16 + 256 * 64


def test_half_a_preshared_pair_is_an_error_and_is_renewed_on_request(network, state):
    """One file lost: a sentence with the remedy; --renew-psk makes a new pair at both ends."""
    lost, other = (state / "sites" / site / "psk" / "east-west.key" for site in ("east", "west"))
    before = other.read_bytes()
    lost.unlink()
    with pytest.raises(CertificateError, match="--renew-psk east-west"):
        certificates.issue_all(network, state)
    certificates.issue_all(network, state, ["east-west"])
    assert lost.read_bytes() == other.read_bytes() != before
    with pytest.raises(CertificateError, match="no link nowhere"):
        certificates.issue_all(network, state, ["nowhere"])


def test_an_emptied_preshared_file_is_not_made_again(network, state):
    """A site that has taken its key in leaves an empty file: that is a mark, not a gap."""
    file = state / "sites" / "east" / "psk" / "east-west.key"
    file.write_bytes(b"")
    certificates.issue_all(network, state)
    assert file.read_bytes() == b""


def test_what_expires_soon_is_renewed(network, state, monkeypatch):
    """A certificate with less than 30 days to go is replaced, the authority stays."""
    before = snapshot(state)
    monkeypatch.setattr(certificates, "RENEW_BEFORE", datetime.timedelta(days=398))
    made = certificates.issue_all(network, state)
    assert {one.action for one in made if one.path.name == "cert.pem"} == {"made"}
    assert (state / "ca" / "ca.pem").read_bytes() == before[state / "ca" / "ca.pem"]
    tls.server_context(state / "sites" / "east")


def test_an_expired_certificate_is_named_with_the_fix(network, tmp_path, monkeypatch):
    """The process refuses to start with it and says what to run."""
    monkeypatch.setattr(certificates, "LIFETIME", datetime.timedelta(seconds=-1))
    certificates.issue_all(network, tmp_path)
    with pytest.raises(CertificateError, match=r"cert\.pem expired on .*qit pki"):
        tls.server_context(tmp_path / "sites" / "east")


@pytest.mark.parametrize("name", ["cert.pem", "key.pem", "ca.pem"])
def test_a_missing_or_damaged_file_is_named(state, name):
    """Missing or garbled: the file and the remedy are in the sentence."""
    file = state / "sites" / "east" / name
    file.write_bytes(b"garbage")
    with pytest.raises(CertificateError, match=name):
        tls.server_context(state / "sites" / "east")
    file.unlink()
    with pytest.raises(CertificateError, match=name):
        tls.server_context(state / "sites" / "east")


def test_a_key_of_another_certificate_is_refused(state):
    """cert.pem and key.pem must belong together."""
    east, west = (state / "sites" / site / "key.pem" for site in ("east", "west"))
    east.write_bytes(west.read_bytes())
    with pytest.raises(CertificateError, match="not the private key of"):
        tls.server_context(state / "sites" / "east")


def test_half_an_authority_is_not_replaced(network, state):
    """A lost authority key is an error; making a new authority would cut everybody off."""
    (state / "ca" / "ca.key").unlink()
    with pytest.raises(CertificateError, match=r"ca\.key is missing"):
        certificates.issue_all(network, state)


def test_between_sites_tls_1_3_only(state):
    """Contexts between processes refuse anything older; that for applications takes 1.2."""
    assert tls.server_context(state / "sites" / "east").minimum_version is ssl.TLSVersion.TLSv1_3
    assert tls.client_context(state / "sites" / "east").minimum_version is ssl.TLSVersion.TLSv1_3
    applications = tls.server_context_for_applications(state / "sites" / "east")
    assert applications.minimum_version is ssl.TLSVersion.TLSv1_2
    assert applications.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((("URI", "urn:qit4n:net:sae:alice"),), ("net", "sae", "alice")),
        ((("DNS", "x"), ("URI", "urn:qit4n:net:site:a:b")), ("net", "site", "a:b")),
        ((), ("", "sae", "someone")),
        ((("URI", "urn:other:alice"),), None),
        ((("URI", "URN:QIT4N:net:sae:alice"),), None),
        ((("URI", "urn:qit4n:net:sae:alice"), ("URI", "urn:qit4n:net:site:west")), None),
        ((("URI", "urn:qit4n:net:SAE:*"),), ("net", "SAE", "*")),
        ((("URI", "urn:qit4n:net:sae"),), None),
        ((("URI", "urn:qit4n:n:sae:a"), ("URI", "urn:qit4n:n:sae:b")), None),
    ],
)
def test_identity_comes_from_one_uri_or_else_the_common_name(names, expected):
    """Rule A1: one URI of ours; without any URI the common name; anything else is refused."""

    class Connection:
        def getpeercert(self):
            return {"subject": ((("commonName", "someone"),),), "subjectAltName": names}

    if expected is None:
        with pytest.raises(CertificateError):
            tls.peer_identity(Connection())
    else:
        assert tls.peer_identity(Connection()) == tls.Identity(*expected)
    with pytest.raises(CertificateError, match="no certificate"):
        tls.peer_identity(None)


@pytest.mark.parametrize("left", ["store.db", "store.wrapping"])
def test_a_lost_store_key_is_not_replaced_while_its_store_is_there(network, state, left):
    """A new key would not open the store: the file is named, and nothing is made."""
    lost = state / "sites" / "east" / "store.key"
    lost.unlink()
    lost.with_name(left).write_bytes(b"a store")
    before = snapshot(state)
    with pytest.raises(StoreError, match=r"east/store\.key is missing"):
        certificates.issue_all(network, state)
    assert snapshot(state) == before
