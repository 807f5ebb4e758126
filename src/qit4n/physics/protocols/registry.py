"""One record per protocol: its formula, whose it is, what it claims, and values that prove it.

``qit link protocols`` prints the records, ``qit link plot`` draws them; a test evaluates each at its test values.
"""

from qit4n.physics.protocols import curves
from qit4n.physics.protocols.record import Protocol, Setup

_SNSPD = Setup(efficiency=0.8, dark=1e-8, misalignment=0.01, reconciliation=1.0)
_TNO = "tno-quantum-communication-qkd-key-rate 2.0.4 (Apache 2.0), computed with it"
_NO_FINITE = "none here"

RECORDS = (
    Protocol(
        name="bb84",
        title="BB84, single photons",
        formula="(Q - P) [1 - h(E Q/(Q - P))] - f Q h(E), P = B^2 g2/2",
        source="Shor and Preskill, PRL 85, 441 (2000); Gottesman, Lo, Luetkenhaus, Preskill, QIC 4, 325 (2004)",
        security="general attacks; brightness B and g2(0) known, no coherence of photon numbers, trusted devices",
        finite_key="Tomamichel et al. 2012, several photons tagged (qit4n.physics.single_photons)",
        live="single-photon-bb84, over every channel",
        curve=curves.single_photons,
        test_values=(
            (10.0, Setup(efficiency=0.2, dark=1e-6, misalignment=0.01, reconciliation=1.0), 0.01675706110394480, _TNO),
        ),
    ),
    Protocol(
        name="decoy-bb84",
        title="BB84, decoy states",
        formula="mu e^-mu Y1 [1 - h(e1)] + e^-mu Y0 - f Q h(E)",
        source="Ma, Qi, Zhao, Lo, PRA 72, 012326 (2005), with the vacuum term",
        security="general attacks; phase-randomised pulses, trusted devices",
        finite_key="Wiesemann et al. 2026 and Rusca et al. 2018 (one decoy), Lim et al. 2014 (two)",
        live="one-decoy-bb84, two-decoy-bb84, over every channel",
        curve=curves.decoy_states,
        test_values=(
            (10.0, _SNSPD, 2.142724e-2, _TNO),
            (40.0, _SNSPD, 2.118600e-5, _TNO),
            (20.0, Setup(efficiency=0.2, dark=1e-5, misalignment=0.015, reconciliation=1.0), 3.986553e-4, _TNO),
        ),
    ),
    Protocol(
        name="bbm92",
        title="BBM92, pairs from the middle",
        formula="Q [1 - (1 + f) h(E)]",
        source="Ma, Fung, Lo, PRA 76, 012307 (2007)",
        security="general attacks; source not trusted, receivers trusted",
        finite_key="Tomamichel and Leverrier 2017",
        live="bbm92, over every channel; the source stands at the first end",
        curve=curves.entangled_pairs,
    ),
    Protocol(
        name="mdi",
        title="Measurement-device independent",
        formula="mu^2 e^(-2 mu) Y11 [1 - h(e11)] - f Q h(E)",
        source="Lo, Curty, Qi, PRL 108, 130503 (2012); Ma, Razavi, PRA 86, 062319 (2012)",
        security="general attacks; detectors not trusted, sources trusted",
        finite_key="Curty et al. 2014, two decoys (qit4n.physics.pairdecoys)",
        live="mdi, over fibre, co-fibre and free space",
        curve=curves.mdi_decoy,
        repeater=1,
    ),
    Protocol(
        name="tf-npp",
        title="Twin field without phase post-selection",
        formula="Q [1 - h(e_phase) - f h(E)]",
        source="Curty, Azuma, Lo, npj Quantum Inf. 5, 64 (2019)",
        security="general attacks; relay not trusted, sources trusted",
        finite_key="all counts in one supermartingale (qit4n.physics.twinfieldproof)",
        live="twin-field, over fibre and co-fibre",
        curve=curves.npp,
        repeater=1,
    ),
    Protocol(
        name="tf-sns",
        title="Twin field, sending or not sending, AOPP",
        formula="n1 [1 - h(2 e1 (1 - e1))] - f n h(E), of pairs",
        source="Wang, Yu, Hu, PRA 98, 062323 (2018); Xu et al., PRA 101, 042330 (2020)",
        security="general attacks; relay not trusted, sources trusted",
        finite_key="three intensities, pairs by total spin (qit4n.physics.protocols.sendingornot)",
        live="sns-twin-field, over fibre and co-fibre",
        curve=curves.sns,
        repeater=1,
    ),
    Protocol(
        name="cv-gg02",
        title="Continuous variables, Gaussian",
        formula="beta I_AB - chi_BE",
        source="Grosshans, Grangier, PRL 88, 057902 (2002); Fossier et al., J. Phys. B 42, 114014 (2009)",
        security="collective attacks, asymptotic; trusted detector noise",
        finite_key="Leverrier et al. 2010, not composable (qit4n.physics.protocols.gaussian.finite_rate)",
        live="no: coherent receivers are not emulated",
        curve=curves.gaussian_modulated,
    ),
    Protocol(
        name="cv-qpsk",
        title="Continuous variables, four states",
        formula="beta I_AB - chi(Z*)",
        source="Denys, Brown, Leverrier, Quantum 5, 540 (2021)",
        security="collective attacks, asymptotic; loss of the detector not trusted, its noise trusted",
        finite_key=_NO_FINITE,
        live="no: coherent receivers are not emulated",
        curve=curves.four_states,
    ),
    Protocol(
        name="dps",
        title="Differential phase shift",
        formula="Q {-(1 - 2 mu) log2[1 - E^2 - (1 - 6E)^2/2] - f h(E)}",
        source="Waks, Takesue, Yamamoto, PRA 73, 012344 (2006)",
        security="individual attacks only",
        finite_key=_NO_FINITE,
        live="no: not proved against general attacks",
        curve=curves.dps,
    ),
    Protocol(
        name="cow",
        title="Coherent one-way (throughput)",
        formula="(1 - decoys)/2 Q [1 - f h(E)]",
        source="Stucki et al., New J. Phys. 11, 075003 (2009); Trenyi, Curty, New J. Phys. 23, 093005 (2021)",
        security="none at this range: zero-error attacks leave at most what scales with eta^2",
        finite_key=_NO_FINITE,
        live="no: its bits are not secret",
        curve=curves.cow,
        secret=False,
    ),
    Protocol(
        name="di",
        title="Device-independent bound",
        formula="1 - h(Q) - h[(1 + sqrt((S/2)^2 - 1))/2]",
        source="Acin et al., PRL 98, 230501 (2007)",
        security="collective attacks, asymptotic; no device trusted, no event left out",
        finite_key=_NO_FINITE,
        live="no: a bound",
        curve=curves.device_independent,
    ),
)

PROTOCOLS: dict[str, Protocol] = {record.name: record for record in RECORDS}
