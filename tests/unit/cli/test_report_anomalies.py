"""``qit report anomalies`` reads the manager's history on the disk, whether the manager runs or not."""

import time

import msgspec
import numpy as np
import pytest
from benchmarks import anomalies as histories

from qit4n.adapters.historystore import HISTORY, HistoryStore
from qit4n.cli.main import run
from qit4n.management.anomalies import BLOCKS, PERIOD_S
from qit4n.management.history import Row
from qit4n.network.file import load
from qit4n.node.processes import write_network


@pytest.fixture
def state(tmp_path):
    """A state directory whose history has an attack on the one link, of the last samples."""
    network = load("two-data-centres")
    write_network(network, tmp_path)
    (tmp_path / HISTORY).parent.mkdir()
    dice, store, begin = np.random.default_rng(1), HistoryStore(tmp_path / HISTORY), time.time() - 1000.0
    for number in range(60):
        one = histories.sample(number, histories.intercepted(0.1) if number >= 50 else histories.WELL, dice)
        counts = [[one.duration_s, one.sifted_bits, one.errors, one.test_bits, one.test_errors]]
        links = (network.links[0].id,)
        store.keep([Row(BLOCKS, begin + PERIOD_S * number, links, np.array(counts, np.float32))], {})
    store.close()
    return tmp_path


def reported(state, capsys, *options):
    run_quietly(["report", "anomalies", "--state", str(state), *options])
    return capsys.readouterr().out


def run_quietly(arguments):
    with pytest.raises(SystemExit) as ended:
        run(arguments)
    assert ended.value.code == 0


def test_it_says_what_is_usual_and_what_is_not_with_advice(state, capsys):
    shown = reported(state, capsys)
    assert "error-rate-jump" in shown
    assert "as if 10% of the pulses were intercepted" in shown
    assert "--accept" in shown
    (one,) = msgspec.json.decode(reported(state, capsys, "--json"))
    assert one["anomaly"]["kind"] == "error-rate-jump"
    assert one["qber"] == pytest.approx(histories.WELL.qber, abs=5e-4)


def test_of_a_shorter_time_it_has_too_little_to_learn_from(state, capsys):
    (one,) = msgspec.json.decode(reported(state, capsys, "--json", "--hours", "0.12"))
    assert (one["anomaly"], one["samples"] < one["needed"]) == (None, True)


def test_an_unknown_link_and_a_missing_history_are_named(state, tmp_path_factory, capsys):
    """Before anybody is asked."""
    with pytest.raises(SystemExit) as ended:
        run(["report", "anomalies", "--state", str(state), "--accept", "nowhere"])
    assert ended.value.code == 4
    assert "no link nowhere" in capsys.readouterr().err
    (state / HISTORY).unlink()
    with pytest.raises(SystemExit) as ended:
        run(["report", "anomalies", "--state", str(state)])
    assert ended.value.code == 12
    assert "history" in capsys.readouterr().err
