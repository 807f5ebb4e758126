"""Which store the sites of a state directory have."""

import pytest

from qit4n.adapters.stores import CONNINFO, share, shared_in
from qit4n.errors import StoreError


def test_how_to_connect_is_for_the_owner_only(tmp_path):
    """It may have a password in it."""
    share(tmp_path, "host=db password=secret")
    assert shared_in(tmp_path) == "host=db password=secret"
    assert (tmp_path / CONNINFO).stat().st_mode & 0o077 == 0


def test_keys_in_sqlite_are_not_left_behind(tmp_path):
    """A network that has stores of its own is not moved to empty ones without a word."""
    assert shared_in(tmp_path) is None
    (tmp_path / "sites" / "a").mkdir(parents=True)
    (tmp_path / "sites" / "a" / "store.db").touch()
    with pytest.raises(StoreError, match=r"a/store\.db .* hold keys that replicas would not see"):
        share(tmp_path, "host=db")
    assert shared_in(tmp_path) is None
