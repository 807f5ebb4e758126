"""How the operator's tools ask the manager: HTTPS with the operator's certificate."""

from pathlib import Path
from typing import TypeVar

import httpx
import msgspec

from qit4n.adapters import tls
from qit4n.errors import AccessDeniedError, PeerUnreachableError
from qit4n.network.model import Network

LIMIT_S = 30.0  # the first request loads the server
REFUSED = (401, 403)

T = TypeVar("T")


def ask_manager(network: Network, state: Path, path: str, kind: type[T], *, act: bool = False) -> T:
    """What the manager answers to a path; with ``act`` it is to do something (POST).

    Raises:
        PeerUnreachableError: no manager answers, or it answers something else.
        AccessDeniedError: it does not take the certificate.
    """
    host = network.controller_host
    url = f"https://{f'[{host}]' if ':' in host else host}:{network.manager_port()}{path}"
    try:
        method, context = "POST" if act else "GET", tls.client_context(state / "operator")
        answer = httpx.request(method, url, verify=context, trust_env=False, timeout=LIMIT_S)
        if answer.status_code in REFUSED:
            raise AccessDeniedError(f"the manager refuses: {answer.text.strip()}")
        return msgspec.json.decode(answer.raise_for_status().content, type=kind)
    except (httpx.HTTPError, msgspec.MsgspecError) as error:
        raise PeerUnreachableError(
            f"no manager of network {network.name} answers at {url} ({error}); start it: qit up"
        ) from error
