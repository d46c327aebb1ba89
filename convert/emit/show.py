"""The memory plan for people: as text, and as a picture (SVG)."""

from collections.abc import Sequence
from html import escape

from stapes.convert.plan.memory import Buffer, Plan

BAR = 48  # characters of the widest bar
COLUMN, HEIGHT, LEFT, TOP, FOOT = 24, 320, 64, 44, 170  # pixels
TENSOR, SCRATCH = "#8fb8de", "#c9c9c9"


def plan_text(plan: Plan, operations: Sequence[str]) -> str:
    """Return a line per buffer, ordered by time: name, bytes, addresses, operations during which it lives, a bar."""
    rows = sorted(zip(plan.buffers, plan.offsets, strict=True), key=lambda row: (row[0].first, row[1]))
    name_width = max((len(buffer.name[:32]) for buffer in plan.buffers), default=4)
    lines = [f"arena: {plan.size} bytes, {len(plan.buffers)} buffers, {len(operations)} operations"]
    for buffer, offset in rows:
        start, end = (round(at * BAR / max(plan.size, 1)) for at in (offset, offset + buffer.size))
        bar = "." * start + "#" * max(1, end - start)
        lines.append(
            f"  {buffer.name[:32]:{name_width}}  {buffer.size:>7}  {offset:>7}-{offset + buffer.size:<7}"
            f"  live {buffer.first:>3}-{buffer.last:<3}  |{bar[:BAR].ljust(BAR, '.')}|"
        )
    return "\n".join(lines)


def plan_svg(plan: Plan, operations: Sequence[str]) -> str:
    """Return a picture: operations to the right, addresses upwards, a box per buffer; name and size show on hover."""
    width = COLUMN * max(len(operations), 1)
    scale = HEIGHT / max(plan.size, 1)
    boxes = [_box(buffer, offset, scale) for buffer, offset in zip(plan.buffers, plan.offsets, strict=True)]
    names = [
        f'<text transform="translate({LEFT + COLUMN * i + 16},{TOP + HEIGHT + 10}) rotate(-90)" text-anchor="end">'
        f"{escape(name[:24])}</text>"
        for i, name in enumerate(operations)
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


def _box(buffer: Buffer, offset: int, scale: float) -> str:
    x, width = LEFT + COLUMN * buffer.first, COLUMN * (buffer.last - buffer.first + 1)
    y, height = TOP + HEIGHT - (offset + buffer.size) * scale, buffer.size * scale
    label = escape(f"{buffer.name}: {buffer.size} bytes at {offset}, operations {buffer.first}-{buffer.last}")
    return (
        f'<rect x="{x}" y="{y:.1f}" width="{width}" height="{height:.1f}" '
        f'fill="{SCRATCH if buffer.root is None else TENSOR}" fill-opacity="0.7" stroke="#333">'
        f"<title>{label}</title></rect>"
    )
