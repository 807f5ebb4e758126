"""The mark beside a store."""

import stat

from qit4n.adapters.mark import Mark


def test_the_mark_is_read_back_and_shorter_numbers_leave_no_digits(tmp_path):
    """What was written last counts, at once, without a sync, for another process too."""
    mark = Mark(tmp_path / "store.mark")
    assert mark.read() == 0
    for position in (99_999, 7):
        mark.write(position)
        assert Mark(tmp_path / "store.mark").read() == position
    mark.sync()
    mark.close()
    assert stat.S_IMODE((tmp_path / "store.mark").stat().st_mode) == 0o600


def test_a_mark_that_cannot_be_written_is_behind_and_breaks_nothing(tmp_path):
    """No folder, no mark; nonsense in the file counts as no mark."""
    mark = Mark(tmp_path / "gone" / "store.mark")
    mark.write(3)
    mark.sync()
    mark.close()
    assert mark.read() == 0
    (tmp_path / "store.mark").write_text("x")
    assert Mark(tmp_path / "store.mark").read() == 0
