"""Which kernels run: the best level of the machine, the one that is named, or the twins."""

import logging

import numpy as np
import pytest

from qit4n.errors import QitError
from qit4n.kernels import compiled, toeplitz


@pytest.fixture(autouse=True)
def forgotten():
    """Choices are made once in a process; here they are made anew."""
    for choice in (compiled.levels, compiled.kernels, compiled.device):
        choice.cache_clear()
    yield
    for choice in (compiled.levels, compiled.kernels, compiled.device):
        choice.cache_clear()


def test_each_level_can_be_named(monkeypatch):
    """And the twins."""
    for level, module in compiled.levels().items():
        compiled.kernels.cache_clear()
        monkeypatch.setenv("QIT4N_KERNELS", level)
        assert compiled.kernels() is module
    compiled.kernels.cache_clear()
    monkeypatch.setenv("QIT4N_KERNELS", "numpy")
    assert compiled.kernels() is None


def test_the_best_level_is_the_default(monkeypatch):
    """The first of the order; portable is always among them where a compiler was at hand."""
    monkeypatch.delenv("QIT4N_KERNELS", raising=False)
    found = compiled.levels()
    assert list(found) == [level for level in compiled.LEVELS if level in found]
    if found:
        assert compiled.kernels() is next(iter(found.values()))
        assert "portable" in found


def test_a_level_that_is_not_there_is_named(monkeypatch):
    """The error says what there is."""
    monkeypatch.setenv("QIT4N_KERNELS", "neon")
    with pytest.raises(QitError, match=r"this machine has .*numpy"):
        compiled.kernels()


def test_without_a_compiler_it_is_said_once(monkeypatch, caplog):
    """However often kernels are asked for."""
    monkeypatch.delenv("QIT4N_KERNELS", raising=False)
    monkeypatch.setattr(compiled, "levels", dict)
    with caplog.at_level(logging.WARNING):
        assert [compiled.kernels() for _ in range(3)] == [None] * 3
    assert [record.message for record in caplog.records].count(caplog.messages[0]) == 1
    assert "no C++ compiler" in caplog.messages[0]


def test_a_gpu_that_is_not_there_is_an_error(monkeypatch):
    """Never a silent fall back."""
    monkeypatch.setenv("QIT4N_DEVICE", "abacus")
    with pytest.raises(QitError, match="cupy is supported"):
        compiled.device()


def test_amplification_by_another_array_module_has_the_same_bits(monkeypatch):
    """What a GPU would be asked to do, done by an array module that is not NumPy itself."""

    class Arrays:
        """NumPy with the one function that CuPy has more."""

        def __getattr__(self, name):
            return getattr(np, name)

        def asnumpy(self, array):
            return np.asarray(array)

    monkeypatch.setattr(toeplitz, "device", Arrays)
    dice = np.random.default_rng(1)
    key, seed = dice.integers(0, 256, 2500, np.uint8), dice.integers(0, 256, 3750, np.uint8)
    there = toeplitz.toeplitz_hash(key, 20_000, seed, 10_000)
    monkeypatch.setattr(toeplitz, "device", lambda: None)
    assert np.array_equal(there, toeplitz.toeplitz_hash(key, 20_000, seed, 10_000))
