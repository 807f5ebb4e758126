"""Emulated fibre cuts at the controller."""

import pytest

from qit4n.control.controller import Controller
from qit4n.errors import ProtocolError
from qit4n.network.file import load
from qit4n.refpoints import ck, mc


def report(site, *cut):
    return ck.SiteReport(site=site, pid=1, started_at=0.0, memory_bytes=1, links=(), pools=(), cut_links=cut)


@pytest.fixture
def controller():
    return Controller(load("two-data-centres"), {})


def test_an_operator_cuts_and_heals(controller):
    """The answer names what is cut; asking without a link changes nothing."""
    assert controller.answer(mc.CutFibre(element="east-west"), 0.0).links == ("east-west",)
    assert controller.answer(mc.CutFibre(), 0.0).links == ("east-west",)
    assert controller.cuts.order() == ck.CutLinks(links=("east-west",))
    assert controller.answer(mc.CutFibre(element="east-west", cut=False), 0.0).links == ()


def test_a_duct_is_cut_and_healed_with_all_of_its_links():
    """One of them may have been cut before, or be healed alone."""
    controller = Controller(load("metro"), {})
    controller.answer(mc.CutFibre(element="southeast-south"), 0.0)
    assert controller.answer(mc.CutFibre(element="river-crossing"), 0.0).links == ("east-southeast", "southeast-south")
    assert controller.answer(mc.CutFibre(element="east-southeast", cut=False), 0.0).links == ("southeast-south",)
    assert controller.answer(mc.CutFibre(element="river-crossing", cut=False), 0.0).links == ()


def test_a_controller_that_starts_anew_learns_what_is_cut(controller):
    """From the first report of each site only: what a site says later may be older than what was healed since."""
    controller.receive(report("east", "east-west"), 0.0)
    assert controller.cuts.order().links == ("east-west",)
    controller.cuts.change("east-west", cut=False)
    controller.receive(report("east", "east-west"), 1.0)
    assert controller.cuts.order().links == ()


def test_what_is_no_emulated_link_is_not_cut(controller):
    """An unknown link, and one with real devices behind it."""
    with pytest.raises(ProtocolError, match="no link"):
        controller.cuts.change("nowhere", cut=True)
    devices = Controller(load("vendor-device"), {})
    link = next(one for one in load("vendor-device").links if load("vendor-device").device_of(one))
    with pytest.raises(ProtocolError, match="emulated"):
        devices.cuts.change(link.id, cut=True)
