"""What the simulation asks of a site whose store came back old: which copies lack something, and what shows it."""

import pytest

from qit4n.errors import InvariantViolatedError
from qit4n.simulation.disk import Disk
from qit4n.simulation.oldcopy import NobodyRemembersError, OldCopy, Past


class Site:
    """A disk and its past, as ``simulation/site.py`` keeps them."""

    def __init__(self):
        self.disk, self.past, self.old = Disk(), Past(), None

    def commit(self):
        self.past.commit(self.disk, self.old)

    def give_up(self):
        self.past.give_up()
        self.old.give_up(set())
        self.commit()

    def come_back(self, copy, *, with_mark):
        self.disk.restore(copy, with_mark=with_mark)
        behind = self.past.come_back(copy, with_mark=with_mark)
        self.old = OldCopy({}, knows_tags=True, behind=behind, marked=behind and self.past.marked)

    def goes_on(self):
        """The site has waited for its peers, all were silent, and it has noticed nothing."""
        self.old.begin(set())
        self.old.check("F", 2.0, noticed=False, goes_on=True)


@pytest.fixture
def site():
    """A site after some commits, with a copy of its disk from between them."""
    site = Site()
    site.commit()
    site.copy = site.disk.backup()
    site.commit()
    return site


def test_the_mark_must_show_an_old_copy(site):
    """It was not put back: a site that keeps its store violates what is promised."""
    site.come_back(site.copy, with_mark=False)
    with pytest.raises(InvariantViolatedError, match="the mark shows"):
        site.goes_on()


def test_an_old_mark_shows_nothing(site):
    """Nor does it of a second copy that is put back before the site has noticed: there the run ends."""
    newer = site.disk.backup()
    site.commit()
    site.come_back(site.copy, with_mark=True)
    with pytest.raises(NobodyRemembersError):
        site.goes_on()
    site.commit()
    site.come_back(newer, with_mark=False)
    with pytest.raises(NobodyRemembersError):
        site.goes_on()


def test_after_all_is_given_up_the_mark_must_show_every_copy(site):
    """Also one that is newer than the disk and its mark were (seed 7321: it was taken for up to date)."""
    newer = site.disk.backup()
    site.commit()
    site.come_back(site.copy, with_mark=True)
    site.give_up()
    site.come_back(newer, with_mark=False)
    with pytest.raises(InvariantViolatedError, match="the mark shows"):
        site.goes_on()


def test_the_mark_need_not_show_a_copy_where_the_lost_store_had_given_up_all_before(site):
    """Perhaps nobody has been told since then how far its numbers had leapt."""
    site.come_back(site.copy, with_mark=True)
    site.give_up()
    leapt = site.disk.backup()
    site.come_back(site.copy, with_mark=True)
    site.give_up()
    site.come_back(leapt, with_mark=False)
    with pytest.raises(NobodyRemembersError):
        site.goes_on()


def test_the_copy_of_an_old_copy_is_old(site):
    """What it has committed itself does not bring back what it lacks, until all is given up."""
    site.come_back(site.copy, with_mark=True)
    site.commit()
    site.come_back(site.disk.backup(), with_mark=True)
    with pytest.raises(NobodyRemembersError):
        site.goes_on()
    site.give_up()
    site.come_back(site.disk.backup(), with_mark=True)
    site.goes_on()


def test_a_copy_that_lacks_nothing_may_be_used(site):
    """Nothing was committed since, and an older copy that was put back between has done nothing."""
    last = site.disk.backup()
    site.come_back(site.copy, with_mark=True)
    site.come_back(last, with_mark=True)
    site.goes_on()
