"""The memory plan for people: as text, and as a picture (SVG)."""

from collections.abc import Sequence
from html import escape

from stapes.convert.plan.memory import Item, Plan

BAR = 48  # characters of the widest bar
COLUMN, HEIGHT, LEFT, TOP, FOOT = 24, 320, 64, 44, 170  # pixels
TENSOR, SCRATCH = "#8fb8de", "#c9c9c9"


def plan_text(plan: Plan, steps: Sequence[str]) -> str:
    """One line per tensor or scratch, in order of time: bytes, addresses, steps, and a bar of the addresses."""
    rows = sorted(zip(plan.items, plan.offsets, strict=True), key=lambda row: (row[0].first, row[1]))
    name_width = max((len(item.name[:32]) for item in plan.items), default=4)
    lines = [f"arena: {plan.size} bytes, {len(plan.items)} buffers, {len(steps)} steps"]
    for item, offset in rows:
        start, end = (round(at * BAR / max(plan.size, 1)) for at in (offset, offset + item.size))
        bar = "." * start + "#" * max(1, end - start)
        lines.append(
            f"  {item.name[:32]:{name_width}}  {item.size:>7}  {offset:>7}-{offset + item.size:<7}"
            f"  step {item.first:>3}-{item.last:<3}  |{bar[:BAR].ljust(BAR, '.')}|"
        )
    return "\n".join(lines)


def plan_svg(plan: Plan, steps: Sequence[str]) -> str:
    """Steps to the right, addresses upwards; a box per tensor or scratch, with its name and size on hover."""
    width = COLUMN * max(len(steps), 1)
    scale = HEIGHT / max(plan.size, 1)
    boxes = [_box(item, offset, scale) for item, offset in zip(plan.items, plan.offsets, strict=True)]
    names = [
        f'<text transform="translate({LEFT + COLUMN * i + 16},{TOP + HEIGHT + 10}) rotate(-90)" text-anchor="end">'
        f"{escape(name[:24])}</text>"
        for i, name in enumerate(steps)
    ]
    ticks = [
        f'<text x="{LEFT - 6}" y="{TOP + HEIGHT - quarter * HEIGHT / 4 + 4:.0f}" text-anchor="end">'
        f"{plan.size * quarter // 4}</text>"
        for quarter in range(5)
    ]
    head = f"arena: {plan.size} bytes; blue: tensors, grey: scratch; where boxes overlap a kernel works in place"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{max(width + LEFT + 30, 640)}" '
        f'height="{TOP + HEIGHT + FOOT}" font-family="sans-serif" font-size="12" '
        'style="background: white">\n'
        f'<text x="{LEFT}" y="22">{head}</text>\n'
        f'<rect x="{LEFT}" y="{TOP}" width="{width}" height="{HEIGHT}" fill="none" stroke="#333"/>\n'
        + "\n".join([*boxes, *names, *ticks])
        + "\n</svg>\n"
    )


def _box(item: Item, offset: int, scale: float) -> str:
    x, width = LEFT + COLUMN * item.first, COLUMN * (item.last - item.first + 1)
    y, height = TOP + HEIGHT - (offset + item.size) * scale, item.size * scale
    label = escape(f"{item.name}: {item.size} bytes at {offset}, steps {item.first}-{item.last}")
    return (
        f'<rect x="{x}" y="{y:.1f}" width="{width}" height="{height:.1f}" '
        f'fill="{SCRATCH if item.root is None else TENSOR}" fill-opacity="0.7" stroke="#333">'
        f"<title>{label}</title></rect>"
    )
