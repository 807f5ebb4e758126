"""Pre-shared keys of QKD links: the same file at both ends, with which they authenticate until they have own key."""

import os
from pathlib import Path

from qit4n.adapters.privatefiles import beside, put_in_place, write_beside
from qit4n.errors import CertificateError

PRESHARED_NAME_BYTES = 16
PRESHARED_BYTES = PRESHARED_NAME_BYTES + 256 * 64


def make_pair(files: list[Path], link: str, *, renew: bool) -> str:
    """Make both ends' files if they are missing, or anew; "made" or "kept".

    Raises:
        CertificateError: one is there, the other is not.
    """
    _finish_pair(files)
    there = [file.exists() for file in files]
    if not renew and all(there):
        return "kept"
    if not renew and any(there):
        lost = files[there.index(False)]
        raise CertificateError(
            f"{lost} is missing while the other end of link {link} has its half; copy it there if it was never used, "
            f"or make a new pair: qit pki FILE --state DIR --renew-psk {link}"
        )
    secret = os.urandom(PRESHARED_BYTES)
    fresh = [write_beside(file, secret) for file in files]
    for new, file in zip(fresh, files, strict=True):
        put_in_place(new, file)
    return "made"


def _finish_pair(files: list[Path]) -> None:
    """After a run that was cut short: complete the pair if one half is in place already, else drop what it left."""
    left = [file for file in files if beside(file).exists()]
    if len(left) == 1:
        other = files[1 - files.index(left[0])]
        if other.exists() and other.read_bytes() == beside(left[0]).read_bytes():
            put_in_place(beside(left[0]), left[0])
    for file in files:
        beside(file).unlink(missing_ok=True)
