"""Messages wait on the disk until they are sent: in order, bounded, once."""

import stat

import pytest

from qit4n.adapters.outbox import Outbox
from qit4n.management.publications import Event, Publication, publication
from qit4n.refpoints import mc


def message(number):
    return Publication(f"id{number}", "qit.n.event.state", str(number).encode())


@pytest.fixture
def outbox(tmp_path):
    made = Outbox(tmp_path / "outbox.db", most=5)
    yield made
    made.close()


def test_they_wait_in_order_over_a_restart_until_they_are_sent(outbox, tmp_path):
    """What was sent is gone, also for the next process; nobody else may read the file."""
    outbox.add([message(1), message(2)])
    outbox.add([message(3), message(2)])  # the same again
    outbox.sent([message(1)])
    other = Outbox(tmp_path / "outbox.db")
    assert other.waiting(10) == [message(2), message(3)]
    assert other.waiting(1) == [message(2)]
    other.close()
    assert stat.S_IMODE((tmp_path / "outbox.db").stat().st_mode) == 0o600


def test_the_oldest_are_given_up_where_too_many_wait(outbox, caplog):
    outbox.add([message(number) for number in range(8)])
    assert [one.id for one in outbox.waiting(10)] == ["id3", "id4", "id5", "id6", "id7"]
    assert "3 messages were given up" in caplog.text


def test_a_damaged_file_is_moved_aside(tmp_path):
    (tmp_path / "outbox.db").write_bytes(b"no database" * 1000)
    outbox = Outbox(tmp_path / "outbox.db")
    assert outbox.waiting(1) == []
    assert (tmp_path / "outbox.damaged").exists()
    outbox.close()


def test_subjects_tell_what_it_is_and_ids_what_it_says():
    """Names of networks are no subjects; what differs has another id, what is the same has the same."""
    alarm = mc.Alarm(
        element="ab", kind="link-down", severity="major", cause="lossOfSignal", text="cut", advice="mend it", since=1.0
    )
    raised = publication("north.net", alarm)
    assert raised.subject == "qit.north_net.alarm.major.link-down"
    assert raised == publication("north.net", alarm)
    state = Event(1.0, "state", "ab", "link ab is down")
    assert publication("n", state).subject == "qit.n.event.state"
    assert publication("n", state).id != publication("n", Event(2.0, "state", "ab", "link ab is down")).id
