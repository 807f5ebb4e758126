"""A device over ETSI GS QKD 014: what is asked of it, and what is made of its answers, at a key manager in a test."""

import pytest

from qit4n.adapters import device014
from qit4n.adapters.device014 import Device014, sizes
from qit4n.errors import CertificateError, KeyRequestError, PeerUnreachableError
from qit4n.network.model import DeviceEnd
from qit4n.service.client import SharedKey

STATUS = {
    "key_size": 256,
    "min_key_size": 64,
    "max_key_size": 4096,
    "max_key_per_request": 128,
    "stored_key_count": 1000,
    "max_SAE_ID_count": 0,
}
END = DeviceEnd(kme="https://kme-a:443", sae="site-a", cert="box/cert.pem", key="box/key.pem", ca="/elsewhere/ca.pem")


class KME:
    """In the place of ``KMEClient``: a key manager that has what the test says."""

    given: dict
    error = None

    def __init__(self, kme, **files):
        assert kme == END.kme
        assert set(files) == {"cert", "key", "ca"}

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def status(self, slave):
        assert slave == "site-b"
        if self.error:
            raise self.error
        return STATUS

    def get_keys(self, slave, *, number, size):
        assert slave == "site-b"
        return self.given.get((number, size), [])

    def get_keys_by_id(self, master, key_ids):
        assert master == "site-b"
        return [SharedKey(key_id, b"1") for key_id in reversed(self.given.get("ids", key_ids))]


@pytest.fixture
def device(tmp_path, monkeypatch):
    """The device, with its files in place."""
    monkeypatch.setattr(device014, "KMEClient", KME)
    monkeypatch.setattr(KME, "given", {}, raising=False)
    (tmp_path / "box").mkdir()
    files = {"cert": tmp_path / "box/cert.pem", "key": tmp_path / "box/key.pem", "ca": tmp_path / "ca.pem"}
    for file in files.values():
        file.touch()
    made = Device014(END, "site-b", tmp_path)
    assert str(made._files["ca"]) == "/elsewhere/ca.pem"
    made._files["ca"] = files["ca"]
    return made


@pytest.mark.parametrize(
    ("most_bits", "known", "number", "size"),
    [
        (65_536, {}, 16, 4096),
        (65_536, {"max_key_per_request": 1}, 1, 4096),
        (65_536, {"max_key_size": 256, "min_key_size": 256}, 128, 256),
        (2048, {}, 1, 2048),
        (100, {}, 1, 256),
        (65_536, {"stored_key_count": 5}, 1, 1280),
        (65_536, {"stored_key_count": 0}, 1, 256),
        (65_536, {"max_key_size": 1001}, 65, 1000),
    ],
)
def test_it_asks_for_the_largest_keys_that_the_device_gives(most_bits, known, number, size):
    """Within its limits, what it has ready, and what is wanted; at least one key of its usual size."""
    assert sizes(STATUS | known, most_bits) == (number, size)


@pytest.mark.parametrize("value", [None, "256", -1, True, 2.5])
def test_a_status_that_makes_no_sense_is_told(value):
    """The member that is wrong is named."""
    with pytest.raises(KeyRequestError, match="Status has no max_key_size"):
        sizes(STATUS | {"max_key_size": value}, 4096)


def test_keys_that_are_not_what_was_asked_are_refused(device):
    """Too few, too short, or two with one id: no key is better than a wrong one."""
    good = [SharedKey("1", b"x" * 256)]
    KME.given[1, 2048] = good
    assert device.fresh(2048) == good
    for bad in ([], [SharedKey("1", b"x" * 255)], good * 2):
        KME.given[1, 2048] = bad
        with pytest.raises(KeyRequestError, match="gave something else"):
            device.fresh(2048)


def test_keys_by_id_come_in_the_order_of_the_ids(device):
    """Whatever order the device answers in; other ids than those asked for are refused."""
    assert [key.key_id for key in device.same(["3", "1", "2"])] == ["3", "1", "2"]
    KME.given["ids"] = ["3", "1"]
    with pytest.raises(KeyRequestError, match="gave others"):
        device.same(["3", "1", "2"])


def test_a_missing_file_is_named(device):
    """Which file of which member of the network file."""
    device._files["key"].unlink()
    with pytest.raises(CertificateError, match=r"box/key\.pem is missing: it is the file 'key' of the device"):
        device.probe()


def test_a_server_that_closes_without_a_word_may_not_admit_the_certificate(device, monkeypatch):
    """TLS 1.3 refuses a certificate after the handshake; nobody listening stays nobody."""
    error = PeerUnreachableError("no answer")
    error.__cause__ = ConnectionResetError("closed")
    monkeypatch.setattr(KME, "error", error)
    with pytest.raises(CertificateError, match=r"may not admit the certificate .*box/cert\.pem"):
        device.probe()
    error.__cause__ = ConnectionRefusedError("nobody")
    with pytest.raises(PeerUnreachableError):
        device.fresh(1000)
