"""Calls to the key manager of another network (ETSI GS QKD 020): HTTPS, bounded in time and size.

A call ends within ``CALL_LIMIT_S`` with an outcome that says whether the request may have arrived. It goes to the
holder of the neighbour's certificate only, follows no redirection, uses no proxy, and is never repeated here.
"""

import asyncio
import logging
import ssl

import httpx

from qit4n.interfaces import etsi020
from qit4n.refpoints.interworking import NotSent, Outcome, Request, Unclear

log = logging.getLogger(__name__)

CALL_LIMIT_S = 4.0
CONNECT_LIMIT_S = 2.0
MOST_CONNECTIONS = 64
MOST_BYTES = 1 << 21
HEADERS = {"Content-Type": "application/json; charset=UTF-8", "Accept": "application/json", "User-Agent": "qit4n"}
NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class NeighbourClient:
    """Connections to one neighbour, kept open between calls."""

    def __init__(self, base_url: str, context: ssl.SSLContext) -> None:
        """``context`` checks who answers."""
        self._base = base_url.rstrip("/")
        self._client = httpx.AsyncClient(
            verify=context,
            trust_env=False,
            follow_redirects=False,
            headers=HEADERS,
            timeout=httpx.Timeout(CALL_LIMIT_S, connect=CONNECT_LIMIT_S, pool=CONNECT_LIMIT_S),
            limits=httpx.Limits(max_connections=MOST_CONNECTIONS, keepalive_expiry=30.0),
        )

    async def call(self, request: Request, url: str = "") -> Outcome:
        """Ask; never raises but for cancellation."""
        written = etsi020.format_request(request)
        try:
            async with asyncio.timeout(CALL_LIMIT_S):
                return await self._call(request, written, url or self._base + written.path)
        except NOTHING_SENT as error:
            return NotSent(text=f"no connection to {self._base}: {_reason(error)}")
        except TimeoutError:
            return Unclear(text=f"no answer from {self._base} within {CALL_LIMIT_S:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return Unclear(text=f"no answer from {self._base}: {_reason(error)}")

    async def _call(self, request: Request, written: etsi020.Written, url: str) -> Outcome:
        body = bytearray()
        content = written.body or None
        async with self._client.stream(written.method, url, content=content) as answer:
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > MOST_BYTES:
                    return Unclear(text=f"the answer has more than {MOST_BYTES} bytes")
        return etsi020.parse_reply(request, answer.status_code, bytes(body))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
