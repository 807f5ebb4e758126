"""Clauses 5.3, 6.2 and 6.3: Get key."""

from typing import Any

from qit4n.conformance.answers import BAD, MANDATORY, OK, OPTIONAL, SIZE, UNAUTHORISED, described, is_fixed
from qit4n.conformance.bench import Bench
from qit4n.conformance.check import Weight, check
from qit4n.conformance.verdict import SkipError, expect

MODERATE_BITS = 4096
FEW = 3
MALFORMED: tuple[bytes, ...] = (b"{", b"[]", b'"x"', b"\xff\xfe", b"[" * 50_000)
WRONG: tuple[dict[str, Any], ...] = (
    {"number": "1"},
    {"number": [1]},
    {"number": 1.5},
    {"size": "256"},
    {"additional_slave_SAE_IDs": "x"},
    {"extension_mandatory": "x"},
)


def _exact(bench: Bench, body: Any, query: str, number: int, size: int) -> None:
    what = f"{'GET' if body is None else 'POST'} {query}{body or ''}"
    keys = bench.taken(bench.enc(body, query=query), what, number)
    wrong = {len(key.value) * 8 for key in keys} - {size}
    expect(not wrong, f"{what}: keys of {', '.join(map(str, sorted(wrong)))} bits instead of {size}")


@check("6.2")
def defaults(bench: Bench) -> None:
    """A POST of the empty object gives one key of key_size bits."""
    _exact(bench, {}, "", 1, bench.limit("key_size"))


@check("6.2", Weight.OPEN)
def empty_body(bench: Bench) -> None:
    """A POST without a body asks for the defaults."""
    _exact(bench, b"", "", 1, bench.limit("key_size"))


@check("5.3")
def get_form(bench: Bench) -> None:
    """A GET without parameters gives one key of key_size bits."""
    _exact(bench, None, "", 1, bench.limit("key_size"))


@check("5.3")
def get_parameters(bench: Bench) -> None:
    """GET takes number and size as query parameters."""
    number, size = min(2, bench.limit("max_key_per_request")), _other_size(bench)
    _exact(bench, None, f"?number={number}&size={size}", number, size)


@check("6.2")
def number(bench: Bench) -> None:
    """Exactly as many keys as asked for are delivered."""
    most = bench.limit("max_key_per_request")
    for wanted in sorted({1, min(FEW, most), min(most, 32)}):
        bench.keys(wanted)


@check("6.2")
def size(bench: Bench) -> None:
    """Keys have exactly the size asked for: the least, the greatest (or a moderate one), one between."""
    least, most = bench.limit("min_key_size"), bench.limit("max_key_size")
    for wanted in sorted({least, _other_size(bench), min(most, max(least, MODERATE_BITS))}):
        _exact(bench, {"size": wanted}, "", 1, wanted)


def _other_size(bench: Bench) -> int:
    one = bench.limit("key_size")
    return next((other for other in (one + 8, one - 8) if _allowed(bench, other)), one)


def _allowed(bench: Bench, wanted: int) -> bool:
    return max(1, bench.limit("min_key_size")) <= wanted <= bench.limit("max_key_size")


@check("6.2")
def size_multiple_of_8(bench: Bench) -> None:
    """A KME that does not serve sizes that are no multiple of 8 answers 400 with the fixed message."""
    wanted = bench.limit("key_size") + 1
    for answer in (bench.enc({"size": wanted}), bench.enc(query=f"?size={wanted}")):
        if answer.status == OK:
            keys = bench.taken(answer, f"size {wanted}", 1)
            expect(len(keys[0].value) == wanted // 8 + 1, f"size {wanted}: a key of {len(keys[0].value)} bytes")
        else:
            expect(is_fixed(answer, SIZE), f"size {wanted}: {described(answer)} instead of 400 '{SIZE}'")


@check("6.2")
def size_range(bench: Bench) -> None:
    """A size below min_key_size or above max_key_size is 400."""
    for wanted in (bench.stated("min_key_size") - 8, bench.stated("max_key_size") + 8):
        if wanted > 0 and wanted % 8 == 0:
            bench.refused(bench.enc({"size": wanted}), f"size {wanted}", BAD)


@check("6.2")
def number_limit(bench: Bench) -> None:
    """A number above max_key_per_request is 400."""
    wanted = bench.stated("max_key_per_request") + 1
    bench.refused(bench.enc({"number": wanted}), f"number {wanted}", BAD)


@check("6.2", Weight.OPEN)
def number_positive(bench: Bench) -> None:
    """A number or size of 0 or below is 400."""
    for wanted in ({"number": 0}, {"number": -1}, {"size": 0}, {"size": -8}):
        bench.refused(bench.enc(wanted), str(wanted), BAD)


@check("6.2")
def malformed(bench: Bench) -> None:
    """A body that is no JSON object is 400."""
    for body in MALFORMED:
        bench.refused(bench.enc(body), f"a body that begins with {body[:4]!r}", BAD)


@check("6.2")
def wrong_types(bench: Bench) -> None:
    """Members of the wrong JSON type are 400."""
    for body in WRONG:
        bench.refused(bench.enc(body), str(body), BAD)


@check("6.2", Weight.OPEN)
def unknown_members(bench: Bench) -> None:
    """Members that the document does not know are ignored."""
    bench.taken(bench.enc({"x_unknown": [1, {}]}), "a request with the member x_unknown", 1)


@check("6.2")
def extension_mandatory(bench: Bench) -> None:
    """An unknown mandatory extension is 400 with the fixed message."""
    answer = bench.enc({"extension_mandatory": [{"x_unknown": 1}]})
    expect(is_fixed(answer, MANDATORY), f"{described(answer)} instead of 400 '{MANDATORY}'")


@check("6.2")
def extension_optional(bench: Bench) -> None:
    """An unknown optional extension is ignored, or 400 with the fixed message."""
    answer = bench.enc({"extension_optional": [{"x_unknown": 1}]})
    if not is_fixed(answer, OPTIONAL):
        bench.taken(answer, "a request with an optional extension", 1)


@check("6.2")
def multicast_limit(bench: Bench) -> None:
    """More additional slaves than max_SAE_ID_count are refused: 400."""
    names = [f"x-{one}" for one in range(min(bench.stated("max_SAE_ID_count"), 10_000) + 1)]
    bench.refused(bench.enc({"additional_slave_SAE_IDs": names}), f"{len(names)} additional slaves", BAD)


@check("6.2")
def multicast(bench: Bench) -> None:
    """Every additional slave gets the same keys as the slave."""
    if bench.stranger is None:
        raise SkipError("a third SAE is needed: --stranger URL,CERT,KEY")
    if not bench.stated("max_SAE_ID_count"):
        raise SkipError("max_SAE_ID_count is 0")
    answer = bench.enc({"additional_slave_SAE_IDs": [bench.stranger.party.sae_id]})
    if answer.status == UNAUTHORISED:
        raise SkipError("the master may not share keys with the stranger (401)")
    expect(answer.status == OK, f"{described(answer)} instead of 200")
    keys = bench.taken(answer, "Get key", 1)
    master = bench.master.party.sae_id
    bench.fetched(keys, "the additional slave", caller=bench.stranger, master=master)
    bench.fetched(keys, "the slave of the path")
