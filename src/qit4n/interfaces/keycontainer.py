"""The Key container of ETSI GS QKD 014 clause 6.3 as JSON, written directly: ids and values are of fixed width.

Few keys are written one by one, many as rows of one array (``ROWS_FROM`` is where the array becomes faster).
"""

from binascii import b2a_base64, hexlify
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from qit4n.refpoints import ak

ROWS_FROM = 12
ID_BYTES = 16
HEAD, MIDDLE, TAIL = b'{"key_ID":"', b'","key":"', b'"},'
ONE = b'{"key_ID":"%b-%b-%b-%b-%b","key":"%b"}'
DIGITS = 2 * ID_BYTES
FORM = b"00000000-0000-0000-0000-000000000000"
GROUPS = ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))  # of the hexadecimal digits (RFC 9562 clause 4)

Bytes = npt.NDArray[np.uint8]


def format_keys(batches: Sequence[ak.KSAKeys]) -> bytes:
    """The array of keys, in order; values in padded base64 (RFC 4648)."""
    return b"[%b]" % b",".join([_rows(one) if len(one.ids) >= ROWS_FROM * ID_BYTES else _few(one) for one in batches])


def format_uuid(key_id: bytes) -> str:
    """The form of RFC 9562, in lower case."""
    text = key_id.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def read_uuids(texts: Sequence[str]) -> tuple[bytes, ...] | None:
    """16 bytes each, or None if one is not of the form 8-4-4-4-12.

    ``uuid.UUID`` would take more than the form of RFC 9562: braces, underscores, no hyphens.
    """
    count, joined = len(texts), "".join(texts)
    digits = joined.replace("-", "")
    hyphens = "-" * count
    if (
        len(digits) != 32 * count
        or any(len(text) != len(FORM) for text in texts)
        or any(joined[at :: len(FORM)] != hyphens for at in (8, 13, 18, 23))
    ):
        return None
    try:
        raw = bytes.fromhex(digits)
    except ValueError:
        return None
    if len(raw) != ID_BYTES * count:  # fromhex skips blanks
        return None
    return tuple(raw[at : at + ID_BYTES] for at in range(0, len(raw), ID_BYTES))


def _few(batch: ak.KSAKeys) -> bytes:
    ids, values, size, found = hexlify(batch.ids), batch.values, batch.size, []
    for place in range(len(ids) // DIGITS):
        at, value = place * DIGITS, b2a_base64(values[place * size : place * size + size], newline=False)
        groups = (ids[at : at + 8], ids[at + 8 : at + 12], ids[at + 12 : at + 16], ids[at + 16 : at + 20])
        found.append(ONE % (*groups, ids[at + 20 : at + DIGITS], value))
    return b",".join(found)


def _rows(batch: ak.KSAKeys) -> bytes:
    number, padding = len(batch.ids) // ID_BYTES, -batch.size % 3
    template = _template(batch.size)
    rows = np.empty((number, len(template)), np.uint8)
    rows[:] = template
    digits = _bytes(batch.ids.hex().encode("ascii")).reshape(number, -1)
    for hyphens, (first, end) in enumerate(GROUPS):
        at = len(HEAD) + first + hyphens
        rows[:, at : at + end - first] = digits[:, first:end]
    encoded = _bytes(b2a_base64(_padded(batch, number, padding).data, newline=False)).reshape(number, -1)
    at = len(HEAD) + len(FORM) + len(MIDDLE)
    written = encoded.shape[1] - padding  # the template has the "=" that stand for the padding
    rows[:, at : at + written] = encoded[:, :written]
    return rows.tobytes()[:-1]


def _padded(batch: ak.KSAKeys, number: int, padding: int) -> Bytes:
    values = np.zeros((number, batch.size + padding), np.uint8)
    values[:, : batch.size] = _bytes(batch.values).reshape(number, -1)
    return values


@lru_cache(64)
def _template(size: int) -> Bytes:
    encoded = b"=" * (4 * -(-size // 3))
    return _bytes(HEAD + FORM + MIDDLE + encoded + TAIL)


def _bytes(content: bytes) -> Bytes:
    return np.frombuffer(content, np.uint8)
