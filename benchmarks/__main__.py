"""The command line of the benchmarks."""

import argparse
import json

from benchmarks import (
    Benchmark,
    anomalies,
    control,
    distillation,
    ldpc,
    light,
    rates,
    relay,
    soak,
    stores,
    supply,
    truth,
)

ALL: dict[str, Benchmark] = {
    "detections": light.detections,
    "cascade": distillation.cascade,
    "cascade-distant": distillation.cascade_distant,
    "ldpc": ldpc.ldpc,
    "amplify": distillation.amplify,
    "distil": distillation.distil,
    "relay": relay.relay,
    "control": control.control,
    "supply": supply.supply,
    "stores": stores.stores,
    "soak": soak.soak,
    "first-key": supply.first_key,
    "rates": rates.rates,
    "truth": truth.truth,
    "anomalies": anomalies.anomalies,
}


def main() -> None:
    """Run the benchmarks that were named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ALL))
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", type=int, default=None, help="amount of work; each benchmark has its own default")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in ALL]
    if unknown:
        parser.error(f"no benchmark {unknown[0]}; there are {', '.join(ALL)}")
    if not given.json:
        print(f"{'benchmark':34} {'value':>12} {'unit':8} {'peer':28} {'ratio':>8} {'limit':>10}")
    for name in given.names or ALL:
        for result in ALL[name](given.seed, given.size):
            plain = result.plain()
            if given.json:
                print(json.dumps(plain), flush=True)
                continue
            ratio = f"{plain['ratio']:.3g}" if plain["ratio"] else "-"
            limit = f"{result.limit:.3g}" if result.limit else "-"
            peer = result.peer or "-"
            print(f"{result.name:34} {result.value:12.4g} {result.unit:8} {peer:28} {ratio:>8} {limit:>10}", flush=True)


if __name__ == "__main__":
    main()
