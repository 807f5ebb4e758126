"""``qit conformance``: does a pair of KMEs, anybody's, keep ETSI GS QKD 014 V1.1.1?"""

import re
import shlex
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from cryptography import x509
from rich.console import Console

from qit4n.adapters.certificates import read_certificate
from qit4n.conformance import report
from qit4n.conformance.bench import Bench, Patience
from qit4n.conformance.caller import Caller, Party
from qit4n.conformance.check import Outcome, Result
from qit4n.conformance.suite import run
from qit4n.errors import CertificateError

PARTS = (3, 4)


class Format(StrEnum):
    """How the results are printed."""

    TEXT = "text"
    JSON = "json"
    JUNIT = "junit"


def conformance(
    master: Annotated[str, typer.Option(help="URL,CERT,KEY[,SAE_ID]: an SAE and the KME of its site")],
    slave: Annotated[str, typer.Option(help="the same for an SAE at another KME, which may share keys with it")],
    ca: Annotated[Path, typer.Option(help="certificates of the authorities of both KMEs (PEM)")],
    stranger: Annotated[str | None, typer.Option(help="the same for a third SAE at the slave's KME")] = None,
    restart: Annotated[str | None, typer.Option(help="command that restarts the KMEs")] = None,
    format_: Annotated[Format, typer.Option("--format", help="how the results are printed")] = Format.TEXT,
    timeout: Annotated[float, typer.Option(min=0.1, help="seconds each request may take")] = 10.0,
    refill: Annotated[float, typer.Option(min=0.0, help="seconds to wait for keys while the KME answers 503")] = 30.0,
    load: Annotated[float, typer.Option(min=0.0, help="seconds of load from both sides")] = 5.0,
    strict: Annotated[bool, typer.Option("--strict", help="a warning fails, too")] = False,
) -> None:
    """Check a pair of KMEs, anybody's, against ETSI GS QKD 014 V1.1.1 by clause; uses up some hundred keys.

    SAE_ID is how the KME names the holder of the certificate: if not given, the end of its URI ...:sae:ID, else its
    common name.
    """
    callers = [_caller(name, text, ca, timeout) for name, text in (("master", master), ("slave", slave))]
    third = _caller("stranger", stranger, ca, timeout) if stranger else None
    patience = Patience(refill_s=refill, load_s=load)
    bench = Bench(callers[0], callers[1], third, _words(restart), patience)
    results = []
    with Console(stderr=True).status("") as progress:
        for one in run(bench, lambda check: progress.update(f"{check.clause} {check.sentence}")):
            results.append(one)
            if format_ is Format.TEXT:
                print(report.as_line(one), flush=True)
    if format_ is Format.TEXT:
        print(report.summary(results))
    else:
        print(report.as_json(results) if format_ is Format.JSON else report.as_junit(results))
    if _failed(results, strict=strict):
        raise typer.Exit(1)


def _failed(results: list[Result], *, strict: bool) -> bool:
    return any(one.outcome is Outcome.FAIL or (strict and one.outcome is Outcome.WARN) for one in results)


def _words(command: str | None) -> list[str]:
    try:
        return shlex.split(command or "")
    except ValueError as error:
        raise typer.BadParameter(f"--restart: {error}") from error


def _caller(name: str, text: str, authority: Path, timeout: float) -> Caller:
    parts = text.split(",")
    if len(parts) not in PARTS:
        raise typer.BadParameter(f"--{name} is URL,CERT,KEY or URL,CERT,KEY,SAE_ID, not {text}")
    url, certificate, key = parts[:3]
    host, port, prefix = _address(name, url)
    try:
        sae_id = parts[3] if parts[3:] else sae_id_of(read_certificate(Path(certificate)))
        return Caller(Party(host, port, prefix, certificate, key, sae_id), str(authority), timeout)
    except (OSError, CertificateError) as error:  # ssl.SSLError is an OSError
        reason = getattr(error, "strerror", None) or error
        raise typer.BadParameter(f"--{name}: {certificate}, {key} and {authority} do not serve: {reason}") from error


def _address(name: str, url: str) -> tuple[str, int, str]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 443
    except ValueError:
        host = None
    if not host or parts.scheme != "https":
        raise typer.BadParameter(f"--{name}: {url} is no base URL of a KME, such as https://kme.example:443")
    return host, port, parts.path.rstrip("/")


def sae_id_of(certificate: x509.Certificate) -> str:
    """The SAE ID that a certificate most likely stands for: the end of a URI ...:sae:ID, else the common name."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    except x509.ExtensionNotFound:
        uris = []
    found = [match[1] for match in (re.search(r":sae:([^:]+)$", uri) for uri in uris) if match]
    names_ = [str(one.value) for one in certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    if not found and not names_:
        raise CertificateError("it names no SAE; append ,SAE_ID")
    return (found or names_)[0]
