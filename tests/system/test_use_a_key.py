"""The examples of docs/how-to/use-a-key.md run as they stand there, between applications of two live sites."""

import re
import socket
import threading
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag

from qit4n.errors import KeyRequestError

pytestmark = [pytest.mark.system, pytest.mark.filterwarnings("ignore::DeprecationWarning")]  # of tlslite-ng

DOCUMENT = Path(__file__).parents[2] / "docs" / "how-to" / "use-a-key.md"


@pytest.fixture(scope="module")
def examples():
    """What the document's Python defines."""
    found = {}
    for code in re.findall(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL):
        exec(code, found)  # noqa: S102 - our own document
    return found


@pytest.mark.xdist_group("data-centres")
def test_files_and_connections(examples, data_centres, tmp_path):
    """A sealed file opens once, at the other application, unchanged; a connection carries words both ways."""
    network = data_centres
    network.wait_for(lambda status: all(pool["ready_bits"] > 4096 for pool in status["pools"]), "keys")
    east, west = network.client("app-east"), network.client("app-west")

    file, sealed = tmp_path / "plan.txt", tmp_path / "plan.txt.qkd"
    file.write_text("the plan")
    examples["seal"](file, east, "app-west")
    assert b"plan" not in sealed.read_bytes()
    content = sealed.read_bytes()
    assert examples["unseal"](sealed, west, "app-east") == b"the plan"
    with pytest.raises(KeyRequestError):
        examples["unseal"](sealed, west, "app-east")
    examples["seal"](file, east, "app-west")
    sealed.write_bytes(sealed.read_bytes()[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(InvalidTag):
        examples["unseal"](sealed, west, "app-east")

    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            plain, _ = listening.accept()
            with plain:
                connection = examples["accept"](plain, west, "app-east")
                connection.sendall(bytes(connection.read(max=100)).upper())
                connection.close()

        server = threading.Thread(target=serve)
        server.start()
        connection = examples["connect"](*listening.getsockname(), east, "app-west")
        assert connection.version == (3, 4)
        connection.sendall(b"hello")
        assert bytes(connection.read(max=100)) == b"HELLO"
        server.join(10)
        connection.close()
        connection.sock.close()
