"""Certificates, private keys and pre-shared keys of a network, in its state directory.

Each network has its own certificate authority. A certificate says whose it is in a URI subject alternative name,
``urn:qit4n:NETWORK:ROLE:ID``, with ROLE one of site, controller, manager, operator, sae; the common name repeats it.

    ca/ca.pem ca/ca.key                        the authority
    sites/ID/{cert,key,ca}.pem store.key       a site and the key that encrypts its store
    sites/ID/psk/LINK.key                      pre-shared authentication key of a QKD link, the same at both ends
    controller/ manager/ operator/             {cert,key,ca}.pem
    applications/SAE/                          {cert,key,ca}.pem
    ca/ sites/ID/ controller/ manager/ operator/   crl.pem, the certificates that are revoked

Everything is made once and kept; what expires within 30 days, or no longer fits the authority, the hosts of the
network file or its own key, is made anew; what is revoked only when its name is given. The authority is never
replaced. Files and directories are for their owner only. A pre-shared file is emptied when a site has taken it into
its store, and stays as a mark of that.
"""

import datetime
import ipaddress
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from qit4n.adapters.presharedkeys import make_pair
from qit4n.adapters.privatefiles import write_private
from qit4n.adapters.revocation import FILE_NAME, RevocationList
from qit4n.adapters.sealing import make_store_key, require_store_key
from qit4n.errors import CertificateError
from qit4n.network.model import Network

LIFETIME = datetime.timedelta(days=397)
AUTHORITY_LIFETIME = datetime.timedelta(days=3650)
RENEW_BEFORE = datetime.timedelta(days=30)
BACKDATE = datetime.timedelta(minutes=5)
FOLDERS = {"sae": "applications", "site": "sites"}


@dataclass(frozen=True)
class Made:
    """What :func:`issue_all` did with one file or directory."""

    path: Path
    action: str
    expires: datetime.datetime | None = None


@dataclass(frozen=True)
class _Holder:
    directory: Path
    role: str
    id: str
    hosts: tuple[str, ...] = ()


_Usages = list[x509.ObjectIdentifier]


@dataclass(frozen=True)
class _Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    revoked: RevocationList


def issue_all(
    network: Network, state: Path, renew_psk: Collection[str] = (), renew: Collection[str] = ()
) -> list[Made]:
    """Make what is missing, renew what expires soon and what ``renew`` names, keep the rest.

    Raises:
        CertificateError: a file is there that does not fit (a damaged key, a half of a pair).
        StoreError: a key store is there, but not the key that opens it; nothing is made then.
    """
    links = {link.id for link in network.links}
    unknown = [link for link in renew_psk if link not in links]
    if unknown:
        raise CertificateError(f"no link {unknown[0]} in network {network.name}; its links: {', '.join(sorted(links))}")
    store_keys = [state / "sites" / site.id / "store.key" for site in network.sites]
    for file in store_keys:
        require_store_key(file)
    _require_own(network, state)
    authority_made, certificate, key = _authority(network, state / "ca")
    made, holders = [authority_made], _holders(network, state)
    names = {holder.id for holder in holders}
    strangers = [name for name in renew if name not in names]
    if strangers:
        raise CertificateError(f"{strangers[0]} has no certificate in network {network.name}; {_listed(names)} have")
    authority = _Authority(certificate, key, RevocationList.of(state / "ca" / FILE_NAME, certificate))
    made += [_certificate(network, holder, authority, renew=holder.id in renew) for holder in holders]
    _distribute(authority, state)
    made += [Made(file, "made" if make_store_key(file) else "kept") for file in store_keys]
    for link in network.links:
        files = [state / "sites" / end / "psk" / f"{link.id}.key" for end in link.ends]
        action = make_pair(files, link.id, renew=link.id in renew_psk)
        made += [Made(file, action) for file in files]
    return made


def revoke(state: Path, name: str) -> tuple[str, int]:
    """Revoke the certificate of the application or site ``name``: role and serial number. Nothing changes if it is.

    Raises:
        CertificateError: there is no such certificate, two have the name, or this is not where the authority is.
    """
    found = {role: state / folder / name / "cert.pem" for role, folder in FOLDERS.items()}
    found = {role: path for role, path in found.items() if path.is_file()}
    if not name or Path(name).name != name or not found:
        known = {path.parent.name for folder in FOLDERS.values() for path in (state / folder).glob("*/cert.pem")}
        raise CertificateError(f"no application or site {name} has a certificate in {state}; {_listed(known)} have")
    if len(found) > 1:
        raise CertificateError(f"{name} is an application and a site; rename one of them in the network file")
    (role, path), *_ = found.items()
    certificate, key = read_certificate(state / "ca" / "ca.pem"), _read_key(state / "ca" / "ca.key")
    serial = read_certificate(path).serial_number
    revoked = RevocationList.of(state / "ca" / FILE_NAME, certificate)
    _distribute(_Authority(certificate, key, revoked), state, serial)
    return role, serial


def _distribute(authority: _Authority, state: Path, *serials: int) -> None:
    """Revoke ``serials``, and put the list where processes look for it: the authority's own copy first."""
    content = authority.revoked.signed(authority.key, serials)
    processes = [state / name for name in ("controller", "manager", "operator")]
    for directory in (state / "ca", *sorted((state / "sites").glob("*")), *processes):
        if directory.is_dir():
            write_private(directory / FILE_NAME, content)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _holders(network: Network, state: Path) -> list[_Holder]:
    sites = [_Holder(state / "sites" / site.id, "site", site.id, (site.host,)) for site in network.sites]
    controller = _Holder(state / "controller", "controller", network.name, (network.controller_host,))
    manager = _Holder(state / "manager", "manager", network.name, (network.controller_host,))
    operator = _Holder(state / "operator", "operator", network.name)
    applications = [_Holder(state / "applications" / one.id, "sae", one.id) for one in network.applications]
    return [*sites, controller, manager, operator, *applications]


def _require_own(network: Network, state: Path) -> None:
    """The state directory is not another network's, whose certificates and keys would be mixed with this one's."""
    file = state / "controller" / "cert.pem"
    if not file.is_file():
        return
    names = read_certificate(file).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if identity_uri(network.name, "controller", network.name) not in uris:
        whose = ", ".join(uri.rpartition(":")[2] for uri in uris)
        raise CertificateError(
            f"{state} holds certificates of network {whose}, not of {network.name}: "
            "a state directory is of one network; give another one with --state"
        )


def identity_uri(network: str, role: str, holder: str) -> str:
    """The URI that names the holder of a certificate."""
    return f"urn:qit4n:{network}:{role}:{holder}"


def _authority(network: Network, directory: Path) -> tuple[Made, x509.Certificate, ec.EllipticCurvePrivateKey]:
    certificate_file, key_file = directory / "ca.pem", directory / "ca.key"
    if certificate_file.exists() != key_file.exists():
        lost = key_file if certificate_file.exists() else certificate_file
        raise CertificateError(f"{lost} is missing beside its other half; restore it, or move {directory} away")
    if not certificate_file.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _authority_certificate(network, key)
        write_private(key_file, _key_bytes(key))
        write_private(certificate_file, certificate.public_bytes(serialization.Encoding.PEM))
        return Made(certificate_file, "made", certificate.not_valid_after_utc), certificate, key
    certificate, key = read_certificate(certificate_file), _read_key(key_file)
    if certificate.not_valid_after_utc < datetime.datetime.now(datetime.UTC):
        raise CertificateError(
            f"{certificate_file} expired on {certificate.not_valid_after_utc:%Y-%m-%d}; stop the network, move "
            f"{directory} away and run qit pki again: every certificate is then made anew"
        )
    if certificate.public_key() != key.public_key():
        raise CertificateError(f"{key_file} is not the key of {certificate_file}; restore the right one")
    return Made(certificate_file, "kept", certificate.not_valid_after_utc), certificate, key


def _authority_certificate(network: Network, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"qit4n {network.name}"[:64])])
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _certificate(network: Network, holder: _Holder, authority: _Authority, *, renew: bool) -> Made:
    files = {name: holder.directory / f"{name}.pem" for name in ("cert", "key", "ca")}
    authority_pem = authority.certificate.public_bytes(serialization.Encoding.PEM)
    names = _names(network, holder)
    if files["cert"].exists() and files["key"].exists() and not renew:
        old, old_key = read_certificate(files["cert"]), _read_key(files["key"])
        if old.serial_number in authority.revoked.serials:
            return Made(files["cert"], "revoked")
        if _signed_by(old, authority.certificate) and _fits(old, old_key, names, _usages(holder)):
            write_private(files["ca"], authority_pem)
            return Made(files["cert"], "kept", old.not_valid_after_utc)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _sign(holder, names, key, authority.certificate, authority.key)
    write_private(files["key"], _key_bytes(key))
    write_private(files["cert"], certificate.public_bytes(serialization.Encoding.PEM))
    write_private(files["ca"], authority_pem)
    return Made(files["cert"], "made", certificate.not_valid_after_utc)


def _signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Whether this very authority signed it: one that was made anew has the same name."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _fits(
    certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, names: list[x509.GeneralName], wanted: _Usages
) -> bool:
    """Whether it has time left, belongs to the key beside it, and names whom the network file names."""
    left = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    says = list(found) == names and list(usages) == wanted
    return says and left > RENEW_BEFORE and certificate.public_key() == key.public_key()


def _usages(holder: _Holder) -> _Usages:
    """What a certificate is for.

    Applications too are servers, when they tell each other key ids; as their certificates name no host, none is taken
    for that of a KME.
    """
    server = bool(holder.hosts) or holder.role == "sae"
    return [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if server else [])]


def _names(network: Network, holder: _Holder) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(identity_uri(network.name, holder.role, holder.id))]
    hosts = dict.fromkeys((*holder.hosts, "localhost", "127.0.0.1")) if holder.hosts else ()
    return names + [_host_name(host) for host in hosts]


def _sign(
    holder: _Holder,
    names: list[x509.GeneralName],
    key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, holder.id)]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(min(now + LIFETIME, authority.not_valid_after_utc))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage(_usages(holder)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def _host_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def read_certificate(path: Path) -> x509.Certificate:
    """The certificate of a PEM file.

    Raises:
        CertificateError: there is none.
    """
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise CertificateError(f"{path}: {error.strerror}; make it: qit pki FILE --state DIR") from error
    except (ValueError, x509.InvalidVersion) as error:
        raise CertificateError(
            f"{path} is not a PEM certificate; move it away and run: qit pki FILE --state DIR"
        ) from error


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise CertificateError(f"{path}: {error.strerror}; it is only where qit pki made the network") from error
    except (ValueError, TypeError) as error:
        raise CertificateError(f"{path} is not a PEM private key; restore it, or move its directory away") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CertificateError(f"{path} is not an elliptic-curve key; restore the one that was made here")
    return key
