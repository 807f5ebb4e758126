"""One connection of HTTP/1.1 in memory: order, bounds, time limits."""

import asyncio

import pytest

from qit4n.adapters import http1


class Transport(asyncio.Transport):
    """Keeps what is written, and whether the other side is read."""

    def __init__(self):
        super().__init__()
        self.written = b""
        self.reading, self.closing, self.aborted = True, False, False

    def write(self, data):
        self.written += data

    def pause_reading(self):
        self.reading = False

    def resume_reading(self):
        self.reading = True

    def is_closing(self):
        return self.closing

    def close(self):
        self.closing = True

    def abort(self):
        self.closing = self.aborted = True


class Echo(http1.Connection):
    """Answers with method, target and body: at once, or when told if ``later``."""

    def __init__(self, *, later=False, **limits):
        super().__init__(http1.Limits(**limits))
        self.later, self.asked = later, []
        self.wire = Transport()
        self.connection_made(self.wire)

    def handle(self, request):
        self.asked.append(request)
        if not self.later:
            self.reply()

    def reply(self):
        request = self.asked[-1]
        status, text = request.refusal or (200, "")
        self.answer(
            status, b"", b"%b %b %b %b" % (request.method.encode(), request.target, request.body, text.encode())
        )

    @property
    def answers(self):
        """Status and body of each answer."""
        found = []
        for part in self.wire.written.split(b"HTTP/1.1 ")[1:]:
            head, _, body = part.partition(b"\r\n\r\n")
            found.append((int(head[:3]), body.decode().strip()))
        return found


def get(target="/a", *fields, version="1.1"):
    return "\r\n".join([f"GET {target} HTTP/{version}", "Host: x", *fields, "", ""]).encode()


def post(body=b"{}", *fields):
    return "\r\n".join(["POST /p HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *fields, "", ""]).encode() + body


async def test_requests_are_found_however_the_bytes_are_cut():
    """Byte by byte, in one piece, or two at a time: the same answers in the same order."""
    wire = get("/1") + post(b"two") + get("/3?x=y") + get("/3?x=y") + post(b"") + post(b"two")
    for step in (1, 2, 7, len(wire)):
        echo = Echo()
        for at in range(0, len(wire), step):
            echo.data_received(wire[at : at + step])
        wanted = ["GET /1", "POST /p two", "GET /3?x=y", "GET /3?x=y", "POST /p", "POST /p two"]
        assert echo.answers == [(200, one) for one in wanted]


async def test_a_request_that_repeats_byte_for_byte_is_answered_as_before():
    """Ten times the same bytes, then others, then the same: ten, one and one answers; also while one is waiting."""
    echo = Echo()
    for data in (*[get()] * 10, get("/b"), get()):
        echo.data_received(data)
    assert [body for _, body in echo.answers] == ["GET /a"] * 10 + ["GET /b", "GET /a"]
    two = Echo()
    for _ in range(2):
        two.data_received(get() + get("/b"))
    assert [body for _, body in two.answers] == ["GET /a", "GET /b"] * 2
    slow = Echo(later=True)
    for _ in range(3):
        slow.data_received(get())
    assert len(slow.asked) == 1
    for _ in range(3):
        slow.reply()
    assert [body for _, body in slow.answers] == ["GET /a"] * 3


async def test_repeated_bytes_inside_a_body_are_a_body():
    """A body that is itself a request seen before is not taken for one."""
    echo = Echo()
    echo.data_received(get())
    head = post(get()).removesuffix(get())
    echo.data_received(head)
    echo.data_received(get())
    assert [body for _, body in echo.answers] == ["GET /a", "POST /p " + get().decode().strip()]


async def test_one_request_at_a_time_and_the_client_waits():
    """The second request is handed over when the first is answered; until then the client is not read."""
    echo = Echo(later=True)
    echo.data_received(get("/1") + get("/2") + get("/3"))
    assert [one.target for one in echo.asked] == [b"/1"]
    assert not echo.wire.reading
    echo.reply()
    assert [one.target for one in echo.asked] == [b"/1", b"/2"]
    echo.reply()
    assert echo.wire.reading
    echo.reply()
    assert [body for _, body in echo.answers] == ["GET /1", "GET /2", "GET /3"]


async def test_ten_thousand_pipelined_requests_need_no_deep_stack():
    """Answers that come at once do not call each other."""
    echo = Echo()
    echo.data_received(get() * 10_000)
    assert len(echo.answers) == 10_000


async def test_a_client_that_does_not_take_its_answers_gets_no_further_ones():
    """While the transport is full nothing is handed over and nothing is read; then it goes on."""
    echo = Echo()
    echo.pause_writing()
    echo.data_received(get("/1") + get("/2"))
    assert echo.asked == []
    assert not echo.wire.reading
    echo.resume_writing()
    assert [body for _, body in echo.answers] == ["GET /1", "GET /2"]
    assert echo.wire.reading
    echo.data_received(get("/1"))
    echo.pause_writing()
    echo.data_received(get("/1"))
    assert len(echo.asked) == 3


@pytest.mark.parametrize(
    ("first", "rest", "status"),
    [
        (b"GET /" + b"a" * 100, b"a", 400),
        (b"GET / HTTP/1.1\r\nX: ", b"x", 400),
        (b"GET / HTTP/1.1\r\n", b"X: y\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", b"x", 413),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x", 413),
        (b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"400\r\n" + b"x" * 1024 + b"\r\n", 413),
        (post(b"x" * 20_000)[:-19_000], b"x", 413),
    ],
)
async def test_what_has_no_end_is_refused(first, rest, status):
    """Endless targets, header lines, headers, trailers, chunks and bodies end with an answer and the connection."""
    echo = Echo(body_bytes=10_000)
    echo.data_received(first)
    for _ in range(1000):
        echo.data_received(rest * (256 // len(rest) + 1))
        if echo.answers:
            break
    assert [one for one, _ in echo.answers] == [status]
    assert b"Connection: close" in echo.wire.written


@pytest.mark.parametrize("length", [b"10001", b"00099999", b"9" * 18, b"9" * 5000, b"-1", b"1_0", b" 1 0", b"x"])
async def test_a_body_that_is_too_long_is_refused_before_it_is_sent(length):
    """Content-Length says it: the client is not told to continue. A length that is none is 400."""
    echo = Echo(body_bytes=10_000)
    echo.data_received(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + length + b"\r\nExpect: 100-continue\r\n\r\n")
    wanted = 413 if length.isdigit() and len(length) < 20 else 400
    assert [status for status, _ in echo.answers] == [wanted]
    assert b"100 Continue" not in echo.wire.written


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5",
        b"Content-Length: 5\r\nContent-Length: 5",
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Content-Length : 5",
        b"Content-Length: 5, 5",
        b"Content-Length: +5",
        b"Transfer-Encoding: chunked, identity",
        b"Transfer-Encoding: xchunked",
        b"X: y\r\n folded",
        b"X: y\nContent-Length: 5",
        b"X: a\0b",
    ],
)
async def test_a_length_that_can_be_read_in_two_ways_is_refused(fields):
    """RFC 9112 6.3 and 11.2: what a proxy and this server could take for different requests is 400, and the end."""
    echo = Echo()
    echo.data_received(b"POST /p HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n\r\n0\r\n\r\n" + get())
    assert [status for status, _ in echo.answers] == [400]
    assert b"Connection: close" in echo.wire.written


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 200),
        (b"GET / HTTP/1.1\r\nhost:\r\n\r\n", 200),
        (b"GET / HTTP/1.0\r\n\r\n", 200),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
    ],
)
async def test_a_request_names_one_host(head, status):
    """RFC 9112 3.2: HTTP/1.1 without Host, or with two, is 400; an empty one is an answer to the question."""
    echo = Echo()
    echo.data_received(head)
    assert [one for one, _ in echo.answers] == [status]


async def test_a_refusal_comes_after_the_answers_before_it_and_is_the_last():
    """What follows nonsense is not answered."""
    echo = Echo(later=True)
    echo.data_received(get("/1") + b"nonsense\r\n\r\n" + get("/2"))
    assert echo.answers == []
    echo.reply()
    echo.reply()
    echo.data_received(get("/3"))
    assert [status for status, _ in echo.answers] == [200, 400]


@pytest.mark.parametrize("begun", [b"GET / HT", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n1234"])
async def test_a_request_has_its_time_to_come(begun):
    """408 when it does not, counted from its beginning; a request that comes in time stops the clock."""
    echo = Echo(request_s=0.05)
    echo.data_received(get() + begun)
    for _ in range(8):
        await asyncio.sleep(0.01)
    assert [status for status, _ in echo.answers] == [200, 408]
    echo = Echo(request_s=0.05)
    whole = post(b"12345")
    echo.data_received(whole[:-1])
    echo.data_received(whole[-1:])
    await asyncio.sleep(0.03)
    echo.data_received(whole[:-1])
    await asyncio.sleep(0.03)
    echo.data_received(whole[-1:] + whole[:-1])
    await asyncio.sleep(0.03)
    echo.data_received(whole[-1:])
    await asyncio.sleep(0.06)
    assert [status for status, _ in echo.answers] == [200] * 3
    assert not echo.wire.closing


async def test_a_rest_of_a_body_is_taken_before_the_connection_closes(monkeypatch):
    """After 413 the client can still send, so that it can read its answer; then the connection closes."""
    monkeypatch.setattr(http1, "LINGERING_S", 0.02)
    echo = Echo(body_bytes=10)
    echo.data_received(post(b"x" * 100)[:-50])
    assert [status for status, _ in echo.answers] == [413]
    assert echo.wire.reading
    assert not echo.wire.closing
    echo.data_received(b"x" * 50)
    await asyncio.sleep(0.04)
    assert echo.wire.closing


async def test_connections_end_when_they_shall():
    """By Connection: close, by HTTP/1.0 and by an upgrade that is not made; what follows is not answered."""
    upgrade = get("/1", "Upgrade: h2c", "Connection: Upgrade")
    for last in (
        get("/1", "Connection: close"),
        get("/1", version="1.0"),
        get("/1", "Connection: keep-alive", version="1.0"),
        upgrade,
        get("/1") + b"PRI * HTTP/2.0\r\n\r\n",
    ):
        echo = Echo()
        echo.data_received(last + get("/2"))
        echo.data_received(get("/3"))
        assert echo.answers[0] == (200, "GET /1")
        assert [status for status, _ in echo.answers[1:]] in ([], [400])
        assert echo.wire.written.count(b"Connection: close") == 1


async def test_nothing_asked_or_taken_for_long_closes():
    """An idle connection is closed, a full one aborted, one that waits for its answer kept."""
    now = asyncio.get_running_loop().time()
    idle, full, waiting, fresh = Echo(), Echo(), Echo(later=True), Echo()
    waiting.data_received(get())
    full.pause_writing()
    for echo, time in ((idle, now + 80), (full, now + 80), (waiting, now + 80), (fresh, now + 70)):
        echo.close_if_idle(time)
    assert (idle.wire.closing, idle.wire.aborted) == (True, False)
    assert full.wire.aborted
    assert not waiting.wire.closing
    assert not fresh.wire.closing


async def test_an_answer_to_a_client_that_is_gone_goes_nowhere():
    """After the connection is lost, a late answer writes nothing and hands nothing over."""
    echo = Echo(later=True)
    echo.data_received(get("/1") + get("/2"))
    echo.wire.closing = True
    echo.connection_lost(None)
    echo.reply()
    assert echo.wire.written == b""
    assert len(echo.asked) == 1
