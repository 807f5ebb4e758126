"""Where another network may have acknowledgements sent to (ETSI GS QKD 020)."""

import pytest

from qit4n.network.model import Neighbour
from qit4n.network.neighbours import may_call_back


@pytest.mark.parametrize(
    ("callbacks", "url", "may"),
    [
        ((), "https://kms:28111/kmapi/v1/ext_keys/ack", True),
        ((), "https://kms:28111/kmapi/v1/ext_keys/ack/", False),
        ((), "https://kms:28112/kmapi/v1/ext_keys/ack", False),
        (("https://kms:1/acks/",), "https://kms:1/acks/7", True),
        (("https://kms:1/acks/",), "https://kms:1/acks/../admin", False),
        (("https://kms:1/acks/",), "https://kms:1/acks/%2e%2e/admin", False),
        (("https://kms:1/acks/",), "https://kms:1/acks/./x", False),
        (("https://kms:1/acks/",), "https://kms:1/admin", False),
        (("https://kms:1/acks/",), "https://kms:1.evil/acks/7", False),
        (("https://kms:1/acks/",), "https://kms:28111/kmapi/v1/ext_keys/ack", False),
        (("https://kms:1/ack",), "https://kms:1/ack", True),
        (("https://kms:1/ack",), "https://kms:1/ack/7", False),
    ],
)
def test_only_addresses_of_the_file_and_below_those_that_end_in_a_slash(callbacks, url, may):
    """The neighbour's own address if no others are listed; no way up or around by dots and percent signs."""
    neighbour = Neighbour(
        site="gate",
        url="https://kms:28111",
        identity="urn:x",
        ca="ca.pem",
        applications=("far",),
        callbacks=callbacks,
    )
    assert may_call_back(neighbour, url) is may
