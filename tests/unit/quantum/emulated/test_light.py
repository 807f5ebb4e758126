"""What the quantum channel carries: that it survives the wire, and that contradictions do not."""

import msgspec
import numpy as np
import pytest

from qit4n.quantum.emulated.light import Detections, Light, Prepared, locate


def _light(**changes):
    values = {
        "first_slot": 2**40,
        "pulses": 100,
        "slots": np.array([3, 50, 99], "<u4").tobytes(),
        "photons": bytes([1, 2, 1]),
        "states": bytes([0, 3, 1]),
    }
    return Light(**(values | changes))


def test_arrays():
    """Slots count from the beginning of the session, beyond 32 bits."""
    light = _light()
    assert light.slot_array().tolist() == [2**40 + 3, 2**40 + 50, 2**40 + 99]
    assert light.photon_array().tolist() == [1, 2, 1]
    assert light.state_array().tolist() == [0, 3, 1]


def test_wire():
    """Light encodes and decodes to itself."""
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(_light()), type=Light) == _light()


def test_intensity_is_not_on_the_channel():
    """Nothing that crosses the quantum channel says signal or decoy."""
    assert Light.__struct_fields__ == ("first_slot", "pulses", "slots", "photons", "states", "emitted_at")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"photons": bytes([1, 2])}, "12 bytes of slots"),
        ({"states": bytes([0])}, "1 states"),
        ({"slots": b"\0\0\0"}, "3 bytes of slots"),
        ({"pulses": 99}, "not ascending below its 99 pulses"),
        ({"slots": np.array([3, 3, 99], "<u4").tobytes()}, "not ascending"),
        ({"slots": np.array([50, 3, 99], "<u4").tobytes()}, "not ascending"),
        ({"pulses": 0, "slots": b"", "photons": b"", "states": b""}, "0 pulses"),
        ({"pulses": 2**32 + 1}, "out of range"),
        ({"first_slot": -1}, "out of range"),
    ],
)
def test_contradictions_are_refused(changes, text):
    """A segment that contradicts itself is refused, when made and when decoded."""
    with pytest.raises(ValueError, match=text):
        _light(**changes)
    raw = msgspec.msgpack.encode(msgspec.to_builtins(_light(), builtin_types=(bytes,)) | changes)
    with pytest.raises(msgspec.ValidationError, match=text):
        msgspec.msgpack.decode(raw, type=Light)


def test_secrets_have_no_text():
    """Bits never show in the text of what the two ends keep."""
    column = np.ones(3, np.uint8)
    assert repr(Prepared(bits=column, bases=column, intensities=column, known=column)) == "Prepared(3 slots)"
    assert repr(Detections(slots=np.arange(3), bases=column, bits=column, double_clicks=0)) == "Detections(3 slots)"


@pytest.mark.parametrize(
    ("known", "wanted", "hit", "place"),
    [
        ([1, 5, 9], [0, 5, 9, 12], [1, 2], [1, 2]),
        ([], [1], [], []),
        ([1], [], [], []),
        ([4], [3, 4, 5], [1], [0]),
    ],
)
def test_locate(known, wanted, hit, place):
    """Common slots are found with their places on both sides."""
    found = locate(np.array(known, np.int64), np.array(wanted, np.int64))
    assert [one.tolist() for one in found] == [hit, place]
