"""A long run at four fifths of the load that two sites can take: do memory and waiting times stay flat?

Slices of enc_keys at a fixed rate (open loop) and of dec_keys for what they gave. After each, memory, times and the
size of the stores go into ``soak.json``; ``docs/soak.svg`` is drawn from it by ``python -m benchmarks.soak FILE``.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import Result
from benchmarks.supply import KEY_BYTES, _load, _phase, _prepare, _sites

SHARE = 0.8
SLICE_S = 8
MOST_GROWTH = 0.2


def soak(_seed: int, size: int | None) -> Iterator[Result]:
    """``size`` minutes, 1 by default; an error at the end if the memory of a site grew by a fifth on the way."""
    minutes = size or 1
    with tempfile.TemporaryDirectory() as directory:
        state = Path(directory) / "state"
        network = _prepare(state, minutes * 60 * 4000 * KEY_BYTES)
        with _sites(network, state) as processes:
            enc = _phase(network, state, (1, "enc_keys"), SLICE_S, processes)
            dec = _phase(network, state, (1, "dec_keys"), 10 * SLICE_S, processes)
            found = _load([enc, dec])[0]
            most = found["requests"] / found["seconds"]
            rows, began = [], time.monotonic()
            while time.monotonic() - began < 60 * minutes:
                one, _ = _load([enc | {"rate": SHARE * most}, dec])
                rows.append(_row(time.monotonic() - began, one, processes, state))
                print(json.dumps(rows[-1]), file=sys.stderr)
    record = {"most_per_s": most, "rate_per_s": SHARE * most, "rows": rows}
    Path("soak.json").write_text(json.dumps(record), encoding="utf-8")
    growth = {site: _growth([row["memory"][site] for row in rows]) for site in processes}
    yield Result(name="soak: load", value=SHARE * most, unit="1/s")
    yield Result(name="soak: p99, first half", value=_middle(rows[: len(rows) // 2]), unit="s")
    yield Result(name="soak: p99, second half", value=_middle(rows[len(rows) // 2 :]), unit="s")
    for site, share in growth.items():
        yield Result(name=f"soak: growth of memory of {site}", value=share, unit="")
        if share > MOST_GROWTH:
            raise SystemExit(f"the memory of site {site} grew by {share:.0%}")


def _row(at: float, found: dict[str, Any], processes: dict[str, int], state: Path) -> dict[str, Any]:
    return {
        "at_s": at,
        "p50_s": found["p50"],
        "p99_s": found["p99"],
        "per_s": found["requests"] / found["seconds"],
        "memory": {site: _memory(pid) for site, pid in processes.items()},
        "store": sum(file.stat().st_size for file in state.glob("sites/*/store.db*")),
    }


def _memory(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _growth(memory: list[int]) -> float:
    """Of the mean of the last tenth over that of the second tenth."""
    tenth = max(1, len(memory) // 10)
    first, last = memory[tenth : 2 * tenth] or memory[:1], memory[-tenth:]
    return sum(last) / len(last) / (sum(first) / len(first)) - 1


def _middle(rows: list[dict[str, Any]]) -> float:
    times = sorted(row["p99_s"] for row in rows)
    return times[len(times) // 2] if times else 0.0


def draw(record: dict[str, Any]) -> str:
    """An SVG of p50 and p99 above, memory of both sites below."""
    rows = record["rows"]
    minutes = rows[-1]["at_s"] / 60
    upper = [
        ("p99", "#c0392b", [1e3 * row["p99_s"] for row in rows]),
        ("median", "#2471a3", [1e3 * row["p50_s"] for row in rows]),
    ]
    lower = [
        (f"memory of {site}", colour, [row["memory"][site] / 1e6 for row in rows])
        for site, colour in zip(rows[0]["memory"], ("#117a65", "#7d3c98"), strict=True)
    ]
    title = f"{record['rate_per_s']:.0f} requests a second for {minutes:.0f} minutes, four fifths of what was possible"
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 420" font-family="sans-serif" font-size="12">',
        '<rect width="760" height="420" fill="white"/>',
        f'<text x="60" y="22" font-size="14">{title}</text>',
        *_panel(upper, top=40, unit="ms"),
        *_panel(lower, top=225, unit="MB"),
        f'<text x="60" y="408">0</text><text x="740" y="408" text-anchor="end">{minutes:.0f} min</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _panel(lines: list[tuple[str, str, list[float]]], *, top: int, unit: str) -> Iterator[str]:
    height, left, width = 160, 60, 680
    most = 1.2 * max(max(values) for _, _, values in lines)
    yield f'<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="none" stroke="#999"/>'
    for share in (0.5, 1.0):
        y = top + height * (1 - share)
        yield f'<text x="{left - 6}" y="{y + 4:.0f}" text-anchor="end">{share * most:.0f} {unit}</text>'
    for place, (name, colour, values) in enumerate(lines):
        step = width / max(1, len(values) - 1)
        points = " ".join(
            f"{left + number * step:.1f},{top + height * (1 - value / most):.1f}" for number, value in enumerate(values)
        )
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        yield f'<text x="{left + 10 + 150 * place}" y="{top + 16}" fill="{colour}">{name}</text>'


if __name__ == "__main__":
    sys.stdout.write(draw(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
