"""strongSwan: IKEv2 whose keys a postquantum preshared key (PPK) protects (RFC 8784), driven over VICI.

A PPK is fixed for the life of an IKE SA. So each key makes a new IKE SA with its own ESP SAs beside those in use; the
PPK's id is the key id of ETSI GS QKD 014. Traffic takes the newest SAs; the old ones still take what is under way, and
are closed when the next key comes. The two ends authenticate each other by their applications' certificates as well,
and no connection is made without a PPK.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import vici

from qit4n.errors import RotationError

NAME = "qit4n"
LOADED = "qit4n-"  # what the daemon calls a PPK of the agent begins so; its owner is the key id
PPK_BITS = 256  # RFC 8784 section 5.1: at least
LIMIT_S = 10.0
POLL_S = 0.02


@dataclass(frozen=True, kw_only=True)
class Tunnel:
    """Outer addresses and inner networks of the two ends, the applications whose certificates they show, and files."""

    local: str
    remote: str
    local_network: str
    remote_network: str
    own: str
    peer: str
    cert: Path
    key: Path
    ca: Path


class StrongSwan:
    """The daemon of one end, at its VICI socket."""

    def __init__(self, tunnel: Tunnel, vici_socket: Path) -> None:
        """Nothing is connected yet."""
        self._tunnel, self._socket = tunnel, vici_socket
        self._ids: dict[int, str] = {}  # PPKs that are loaded, by number
        self._seen = 0

    async def start(self) -> int:
        """Show the daemon the certificates; take away PPKs that an agent before this one has left in it."""
        await self._do(self._begin)
        return 0

    async def install(self, number: int, key_id: str, key: bytes) -> None:
        """Load the PPK; close what came before the IKE SA in use."""
        await self._do(self._load, number, key_id, key)

    async def use(self, number: int, *, first: bool) -> None:  # noqa: ARG002 - the newest IKE SA is that of the number
        """Wait for a new IKE SA that uses a PPK, which the first end makes."""
        if first:
            await self._do(self._initiate)
        try:
            async with asyncio.timeout(LIMIT_S):
                while (newest := max(await self._do(self._established), default=0)) <= self._seen:  # noqa: ASYNC110
                    await asyncio.sleep(POLL_S)
        except TimeoutError as error:
            raise RotationError(f"no new IKE SA with a PPK within {LIMIT_S:g} s") from error
        self._seen = newest

    async def drop(self, number: int) -> None:
        """Unload the PPK."""
        await self._do(self._unload, number)

    async def _do(self, work: Callable[..., Any], *inputs: Any) -> Any:
        def run() -> Any:
            with contextlib.closing(socket.socket(socket.AF_UNIX)) as connection:
                connection.settimeout(LIMIT_S)
                connection.connect(str(self._socket))
                return work(vici.Session(connection), *inputs)

        try:
            return await asyncio.to_thread(run)
        except OSError as error:
            text = f"the daemon does not answer at {self._socket} ({error.strerror or error}); does it run?"
            raise RotationError(text) from error
        except vici.exception.CommandException as error:
            raise RotationError(f"strongSwan: {error}") from None

    def _begin(self, session: vici.Session) -> None:
        self._load_certificates(session)
        for name in session.get_shared().get("keys", []):
            if name.startswith(LOADED.encode()):
                session.unload_shared({"id": name})

    def _load_certificates(self, session: vici.Session) -> None:
        tunnel = self._tunnel
        session.load_cert({"type": "X509", "flag": "CA", "data": tunnel.ca.read_bytes()})
        session.load_key({"type": "any", "data": tunnel.key.read_bytes()})

    def _load(self, session: vici.Session, number: int, key_id: str, key: bytes) -> None:
        self._load_certificates(session)  # the daemon may have been started again, the certificate renewed
        for old in [one for one in self._ids if one != number - 1]:
            self._unload(session, old)
        for unique in self._established(session):
            if unique < self._seen:
                list(session.terminate({"ike-id": str(unique), "timeout": "-1"}))
        session.load_shared({"id": LOADED + key_id, "type": "PPK", "data": key, "owners": [key_id]})
        self._ids[number] = key_id
        session.load_conn({NAME: self._connection(key_id)})

    def _connection(self, key_id: str) -> dict[str, Any]:
        tunnel = self._tunnel
        child = {
            "mode": "tunnel",
            "local_ts": [tunnel.local_network],
            "remote_ts": [tunnel.remote_network],
            "esp_proposals": ["aes256gcm16"],
            "rekey_time": "0",
            "start_action": "none",
            "dpd_action": "clear",
        }
        return {
            "version": "2",
            "local_addrs": [tunnel.local],
            "remote_addrs": [tunnel.remote],
            "proposals": ["aes256gcm16-prfsha384-ecp384"],
            "ppk_id": key_id,
            "ppk_required": "yes",
            "unique": "never",  # the IKE SA in use stays beside the new one
            "rekey_time": "0",
            "mobike": "no",
            "local": {"auth": "pubkey", "id": f"CN={tunnel.own}", "certs": [tunnel.cert.read_bytes()]},
            "remote": {"auth": "pubkey", "id": f"CN={tunnel.peer}"},
            "children": {NAME: child},
        }

    def _initiate(self, session: vici.Session) -> None:
        list(session.initiate({"ike": NAME, "child": NAME, "timeout": str(int(LIMIT_S * 1000))}))

    def _unload(self, session: vici.Session, number: int) -> None:
        key_id = self._ids.pop(number, None)
        if key_id is not None:
            session.unload_shared({"id": LOADED + key_id})

    def _established(self, session: vici.Session) -> list[int]:
        """Unique ids of our IKE SAs with a PPK that carry traffic."""
        found = (one[NAME] for one in session.list_sas({"ike": NAME}) if NAME in one)
        return [
            int(sa["uniqueid"])
            for sa in found
            if sa["state"] == b"ESTABLISHED" and sa.get("ppk") == b"yes" and sa.get("child-sas")
        ]
