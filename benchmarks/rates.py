"""Closed forms: how many links a second of processor time."""

from collections.abc import Callable, Iterator

import numpy as np

from benchmarks import Result, processor_seconds
from qit4n.physics import bounds
from qit4n.physics import rates as closed
from qit4n.physics.protocols import distributedphase, gaussian, mdi, twinfield

LINKS = 1_000_000
CHUNK = 8192


def rates(seed: int, size: int | None) -> Iterator[Result]:
    """Evaluations of random links a second and core, in chunks that stay in the cache."""
    dice = np.random.default_rng(seed)
    links = size or LINKS
    eta = 10 ** (-dice.uniform(0, 6, links))
    dark, error, mean = 10 ** dice.uniform(-9, -5, links), dice.uniform(0, 0.04, links), dice.uniform(0.1, 0.9, links)
    arm = np.sqrt(eta)

    def gauss(part: slice) -> object:
        return gaussian.rate(eta[part], variance=4.0, excess=0.01, efficiency=0.6, electronic=0.1, reconciliation=0.95)

    forms: dict[str, Callable[[slice], object]] = {
        "bb84": lambda p: closed.single_photon_rate(eta[p], dark[p], error[p]),
        "decoy-bb84": lambda p: closed.decoy_rate([(1.0, mean[p])], eta[p], dark[p], error[p]),
        "mdi": lambda p: mdi.rate(arm[p], arm[p], mean_photons=mean[p], dark=dark[p], misalignment=error[p]),
        "tf-sns": lambda p: twinfield.sns_rate(
            arm[p], mean_photons=mean[p], sending=0.2, dark=dark[p], misalignment=error[p]
        ),
        "cv-gg02": gauss,
        "dps": lambda p: distributedphase.dps_rate(
            eta[p], mean_photons=mean[p] / 3, dark=dark[p], misalignment=error[p]
        ),
        "plob": lambda p: bounds.plob(eta[p]),
    }
    for name, form in forms.items():

        def work(form: Callable[[slice], object] = form) -> None:
            for start in range(0, links, CHUNK):
                form(slice(start, start + CHUNK))

        yield Result(name=f"rates: {name}", value=links / processor_seconds(work), unit="1/s", limit=None)
