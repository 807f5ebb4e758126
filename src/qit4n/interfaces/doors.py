"""The doors of a KME for applications: ETSI GS QKD 014 and SKIP on one port, told apart by the path. Pure."""

from qit4n.entropy import Entropy
from qit4n.errors import KeyRequestError
from qit4n.interfaces import etsi014, openapi, skip
from qit4n.interfaces.door import Asked, Told
from qit4n.network.model import Network

DOCUMENT = "/api/v1/openapi.json"


class Doors:
    """Finds the interface that a request is for."""

    def __init__(self, network: Network, entropy: Entropy) -> None:
        """The doors of a KME of ``network``."""
        self.network = network.name
        self._entropy = entropy
        self._document = openapi.text(network.policies)
        self._remotes: dict[str, set[str]] = {}
        self.adopt(network)

    def adopt(self, network: Network) -> None:
        """Take the demands of a changed file."""
        self._remotes = {}
        for demand in network.demands:
            for one, other in (demand.between, demand.between[::-1]):
                self._remotes.setdefault(one, set()).add(other)

    def parse(self, method: str, path: str, query: str, body: bytes, caller: str) -> Asked | Told:
        """What ``caller`` asks for; arguments as for ``etsi014.parse_request``.

        Raises:
            KeyRequestError: with the HTTP status and message of the answer.
        """
        if path.startswith(etsi014.BASE):
            return etsi014.parse_request(method, path, query, body, caller)
        if method not in methods_of(path):
            if not methods_of(path):
                raise KeyRequestError(
                    404,
                    f"unknown path; there are {etsi014.BASE}SAE_ID/status, enc_keys and dec_keys, {DOCUMENT}, "
                    "and of SKIP /capabilities, /key and /entropy",
                )
            raise KeyRequestError(405, f"{method} is not a method of {path}")
        if path == DOCUMENT:
            return Told(200, self._document)
        return skip.parse_request(path, query, caller, self._remotes.get(caller, ()), self._entropy)


def methods_of(path: str) -> tuple[str, ...]:
    """What the Allow header of a 405 lists (RFC 9110 15.5.6 wants one); nothing for an unknown path."""
    if path.startswith(etsi014.BASE):
        return etsi014.methods_of(path)
    return skip.METHODS if path == DOCUMENT or skip.is_path(path) else ()
