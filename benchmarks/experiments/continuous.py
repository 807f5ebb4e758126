"""Continuous variables."""

from benchmarks.experiments.experiment import Experiment
from benchmarks.experiments.models import Model, four_states, gaussian_block


def zhang(  # noqa: PLR0917 - one argument per column
    loss_db: float,
    reconciliation: float,
    kept: float,
    variance: float,
    excess: float,
    electronic: float,
    symbols: float,
) -> Model:
    """Bits per second of one column of Table I: 5 MHz, a tenth of the pulses for reference, frames lost."""
    return gaussian_block(
        loss_db,
        symbols=symbols,
        kept=5e6 * 0.9 * kept,
        variance=variance,
        excess=excess,
        efficiency=0.6134,
        electronic=electronic,
        reconciliation=reconciliation,
        detection="homodyne",
    )


EXPERIMENTS = (
    Experiment(
        name="zhang27",
        what="GG02 homodyne, 4.36 dB",
        published=2.78e5,
        unit="bit/s",
        factor=3.0,
        model=zhang(4.36, 0.95, 0.5, 14.37, 0.0015, 0.1216, 1e11),
        inputs="quoted (qkd): clock, reference pulses, frames lost, loss, beta, V_A, xi, 61.34 %, v_el; quoted (Jain): "
        "1e11 symbols",
        reference="Zhang et al., PRL 125, 010502 (2020), arXiv:2001.02555",
    ),
    Experiment(
        name="zhang140",
        what="the same, 23.46 dB",
        published=318.85,
        unit="bit/s",
        factor=3.0,
        model=zhang(23.46, 0.96, 0.9, 14.23, 0.0086, 0.2717, 1e11),
        inputs="as zhang27; follows: symbols, from its xi in the worst case",
        reference="Zhang et al., PRL 125, 010502 (2020), arXiv:2001.02555",
    ),
    Experiment(
        name="zhang202",
        what="the same, 32.45 dB",
        published=6.214,
        unit="bit/s",
        factor=5.0,
        model=zhang(32.45, 0.98, 0.1, 7.65, 0.0081, 0.1523, 1e12),
        inputs="as zhang140, which gives 1e12 symbols here",
        reference="Zhang et al., PRL 125, 010502 (2020), arXiv:2001.02555",
    ),
    Experiment(
        name="jain20",
        what="GG02 heterodyne, 20.3 km, per symbol",
        published=0.0471,
        unit="bit",
        factor=3.0,
        model=gaussian_block(
            4.6,
            symbols=1e9,
            variance=2.90,
            excess=0.010 / 10**-0.46,
            efficiency=0.69,
            electronic=0.0514,
            reconciliation=0.916,
            detection="heterodyne",
        ),
        inputs="paper (Table 1): 4.6 dB, V_A 2.90, noise 0.010 at the output, 1e9 symbols, rate; quoted (qkd): 69 %, "
        "v_el 0.0514, beta 91.6 %; assumed: no frame lost",
        reference="Jain et al., Nature Communications 13, 4740 (2022), arXiv:2110.09262",
        comment="the published key is composable, ours is not",
    ),
    Experiment(
        name="wangcv5",
        what="four states, 5 km (1 dB)",
        published=233.87e6,
        unit="bit/s",
        factor=2.0,
        model=four_states(1.0),
        inputs="abstract: distance; listed: clock, loss; assumed: xi 0.003, trusted detector without loss, v_el 0.05, "
        "beta 95 %",
        reference="Wang et al., Communications Physics 5, 162 (2022)",
        comment="missed: published by a semidefinite program that uses more than second moments; ours is the explicit "
        "bound, which is known to be loose for four states at high rate",
    ),
    Experiment(
        name="wangcv25",
        what="four states, 25 km (5 dB)",
        published=21.53e6,
        unit="bit/s",
        factor=2.0,
        model=four_states(5.0),
        inputs="as wangcv5",
        reference="Wang et al., Communications Physics 5, 162 (2022)",
        comment="published by a semidefinite program, ours is the explicit bound",
    ),
)
