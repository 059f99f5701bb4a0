#!/usr/bin/env python3
"""A chart of a benchmark run, as SVG: how many times as long as tapegrad its peers take for each workload.

    ./dev bench --benchmark_out=run.json --benchmark_out_format=json
    tests/bench/chart.py run.json docs/benchmarks.svg

A bar is the median of the ratios of repetitions in pairs, a line across its end their quartiles.
"""
import json
import math
import re
import sys
from collections import defaultdict
from xml.sax.saxutils import escape

OURS = "tapegrad"
PEERS = (("libtorch+", "#2b6cb0", "libtorch at its best"), ("libtorch", "#a0aec0", "libtorch as installed"),
         ("oneDNN", "#dd6b20", "oneDNN, planned by hand"))
LEFT, WIDTH, BAR, GAP = 190, 560, 11, 12


def read(path):
    """{(workload, engine, threads): [microseconds]}"""
    times = defaultdict(list)
    with open(path, encoding="utf-8") as file:
        for run in json.load(file)["benchmarks"]:
            match = re.fullmatch(r"(W\w+|GPT2)/([^/]+)/threads:(\d+).*", run["name"])
            if match and run.get("run_type") == "iteration":
                times[match[1], match[2], int(match[3])].append(run["real_time"])
    return times


def quantile(values, q):
    values = sorted(values)
    at = q * (len(values) - 1)
    below = int(at)
    above = min(below + 1, len(values) - 1)
    return values[below] + (at - below) * (values[above] - values[below])


def ratios(theirs, ours):
    pairs = [a / b for a, b in zip(theirs, ours)]
    return [quantile(pairs, q) for q in (0.25, 0.5, 0.75)]


def chart(times):
    workloads = sorted({name for name, engine, _ in times if engine == OURS})
    rows = []
    for name in workloads:
        for threads in (1, 2):
            ours = times.get((name, OURS, threads))
            bars = [(colour, ratios(times[name, peer, threads], ours))
                    for peer, colour, _ in PEERS if ours and times.get((name, peer, threads))]
            if bars:
                rows.append((f"{name}, {threads} thread{'s' if threads > 1 else ''}", bars))
    if not rows:
        sys.exit("chart.py: no workload ran on tapegrad and on a peer")
    largest = max(r[2] for _, bars in rows for _, r in bars)
    decades = math.log10(largest / 0.5) * 1.02
    x = lambda ratio: LEFT + WIDTH * math.log10(max(ratio, 0.5) / 0.5) / decades
    parts, y = [], 52
    for label, bars in rows:
        middle = y + BAR * len(bars) / 2
        parts.append(f'<text x="{LEFT - 8}" y="{middle + 4:.1f}" text-anchor="end">{escape(label)}</text>')
        for colour, (low, median, high) in bars:
            left, right = sorted((x(1.0), x(median)))
            parts.append(f'<rect x="{left:.1f}" y="{y}" width="{right - left:.1f}" height="{BAR - 1}" fill="{colour}"/>')
            parts.append(f'<path d="M{x(low):.1f} {y + BAR / 2 - 0.5}H{x(high):.1f}" stroke="#1a202c"/>')
            parts.append(f'<text x="{max(x(high), right) + 5:.1f}" y="{y + BAR - 2}" font-size="9">{median:.2f}</text>')
            y += BAR
        y += GAP
    grid = []
    for ratio in (0.5, 1, 2, 5, 10, 20, 50, 100):
        if x(ratio) <= LEFT + WIDTH:
            grid.append(f'<path d="M{x(ratio):.1f} 44V{y}" stroke="{"#1a202c" if ratio == 1 else "#e2e8f0"}"/>'
                        f'<text x="{x(ratio):.1f}" y="{y + 14}" text-anchor="middle">{ratio:g}</text>')
    legend, at = [], LEFT
    for _, colour, text in PEERS:
        legend.append(f'<rect x="{at}" y="26" width="10" height="10" fill="{colour}"/><text x="{at + 15}" y="35">{text}</text>')
        at += 170
    return "\n".join((
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 60} {y + 26}" font-family="sans-serif" font-size="11">',
        f'<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{LEFT}" y="17" font-size="13">How many times as long a training step takes elsewhere (1: as long as in tapegrad)</text>',
        *legend, *grid, *parts, "</svg>", ""))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        out.write(chart(read(sys.argv[1])))
