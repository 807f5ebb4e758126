"""Published experiments as our models: what was published, whose inputs, what comes out.

``inputs`` says of each figure where it is from: *paper* (read there), *abstract* (read there), *quoted* (the paper's
own figure, as the source in ``QUOTED`` gives it), *listed* (in the list of experiments we began with, not read again),
*follows* (computed from figures of the paper), *recalled* (from memory of the paper) or *assumed* (ours).
"""

from benchmarks.experiments import bb84, continuous, relays

QUOTED = {
    "QEL": "Table I, in the validation module of the simulator QEL (github.com/KELLERBABG/QEL)",
    "qkd": "tables and text, in the tests of the package qkd (github.com/plutoniumm/qkd)",
    "QuOSS": "text, in the validation cases of QuOSS (github.com/W1Adri/QuOSS)",
    "networks": "text, in pqc-qkd-HybridNetwork (github.com/thedaemon-wizard/pqc-qkd-HybridNetwork)",
    "tfqkd": "tables, in the examples of tfqkd-lab (github.com/Quarzii/tfqkd-lab)",
    "Wei": "Table I of Wei et al., PRX 10, 031030 (2020)",
    "Islam": "Table 1 of Islam et al., Science Advances 3, e1701491 (2017)",
    "Jain": "Table 1 of Jain et al., Nature Communications 13, 4740 (2022)",
}

EXPERIMENTS = (*bb84.EXPERIMENTS, *relays.EXPERIMENTS, *continuous.EXPERIMENTS)
