"""Requests a second of each system as bars, in SVG that follows the reader's choice of light or dark."""

from typing import Any
from xml.sax.saxutils import escape

from bench.compare.report import FEW, OURS, PEER, TITLES
from bench.compare.workloads import WORKLOADS

WIDTH, LEFT, RIGHT, TOP, BAR, GAP = 820, 320, 110, 64, 16, 14
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 } .title { font-size: 16px; font-weight: 600 }
.ground { fill: #ffffff } .ours { fill: #0b6e99 } .peer { fill: #8c959f }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .ground { fill: #0d1117 } .ours { fill: #4cb3d9 } .peer { fill: #6e7681 }
}
"""


def svg(result: dict[str, Any]) -> str:
    systems = result["systems"]
    named = [name for name in WORKLOADS if all(f"c{FEW}" in systems.get(of, {}).get(name, {}) for of in (OURS, PEER))]
    speeds = {name: [systems[of][name][f"c{FEW}"]["rps"] for of in (OURS, PEER)] for name in named}
    most = max((speed for pair in speeds.values() for speed in pair), default=1)
    height = TOP + len(named) * (2 * BAR + GAP) + GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="title">',
        f'<title id="title">Requests a second at {FEW} clients</title><style>{STYLE}</style>',
        f'<rect class="ground" width="{WIDTH}" height="{height}"/>',
        f'<text class="title" x="16" y="28">Requests a second, {FEW} clients</text>',
        _key(OURS, "ours", LEFT),
        _key(PEER, "peer", LEFT + 140),
    ]
    for number, (name, pair) in enumerate(speeds.items()):
        y = TOP + number * (2 * BAR + GAP)
        label = escape(f"{name} {WORKLOADS[name].says}")
        parts.append(f'<text x="16" y="{y + BAR + 4}">{label}</text>')
        for row, (kind, speed) in enumerate(zip(("ours", "peer"), pair, strict=True)):
            width = round((WIDTH - LEFT - RIGHT) * speed / most, 1)
            ratio = f" ({result['ratios'][name]}x)" if kind == "ours" else ""
            parts.append(f'<rect class="{kind}" x="{LEFT}" y="{y + row * BAR}" width="{width}" height="{BAR - 2}"/>')
            parts.append(f'<text x="{LEFT + width + 6}" y="{y + row * BAR + 12}">{speed:,.0f}{ratio}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _key(system: str, kind: str, x: int) -> str:
    return (
        f'<rect class="{kind}" x="{x}" y="36" width="14" height="14"/><text x="{x + 20}" y="48">{TITLES[system]}</text>'
    )
