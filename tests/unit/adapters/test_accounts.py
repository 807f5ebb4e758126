"""Accounts in the state directory: made once, for their owner only, no password beside the hash."""

import stat

import pytest

from qit4n.adapters.accounts import PASSWORDS, make_accounts, read_accounts, session_key
from qit4n.errors import CertificateError
from qit4n.management.access import Access


def test_an_operator_and_a_viewer_are_made_once(tmp_path):
    """Their passwords open them, stay when it is done again, and all files are for the owner only."""
    make_accounts(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    make_accounts(tmp_path)
    assert {path: path.read_bytes() for path in before} == before
    assert {stat.S_IMODE(path.stat().st_mode) for path in before} == {0o600}
    access = Access(read_accounts(tmp_path))
    for name in ("operator", "viewer"):
        password = (tmp_path / PASSWORDS / name).read_text().strip()
        assert access.log_in(name, password, 0.0) == name
        assert password.encode() not in (tmp_path / "manager" / "accounts.json").read_bytes()


def test_two_networks_have_nothing_in_common(tmp_path):
    make_accounts(tmp_path / "one")
    make_accounts(tmp_path / "two")
    assert session_key(tmp_path / "one") != session_key(tmp_path / "two")
    assert len(session_key(tmp_path / "one")) == 64
    first, second = ((tmp_path / one / PASSWORDS / "viewer").read_text() for one in ("one", "two"))
    assert first != second


@pytest.mark.parametrize("content", [None, b"", b"[]", b'{"a": {"role": "king", "salt": "", "hash": ""}}'])
def test_a_list_that_cannot_be_read_lets_nobody_in(tmp_path, content):
    """Missing, empty, of another shape, with a role that is none."""
    make_accounts(tmp_path)
    file = tmp_path / "manager" / "accounts.json"
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(CertificateError, match="not a list of accounts"):
        read_accounts(tmp_path)
