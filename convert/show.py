"""The memory plan for people: as text, and as a picture (SVG)."""

from html import escape

from stapes.convert.memory import Item, Plan

BAR = 48  # characters of the widest bar


def plan_text(plan: Plan, steps: int) -> str:
    """One line per tensor or scratch, in order of time: bytes, addresses, steps, and a bar of the addresses."""
    rows = sorted(zip(plan.items, plan.offsets, strict=True), key=lambda row: (row[0].first, row[1]))
    name_width = max((len(item.name[:32]) for item in plan.items), default=4)
    lines = [f"arena: {plan.size} bytes, {len(plan.items)} buffers, {steps} steps"]
    for item, offset in rows:
        start, end = (round(at * BAR / max(plan.size, 1)) for at in (offset, offset + item.size))
        bar = "." * start + "#" * max(1, end - start)
        lines.append(
            f"  {item.name[:32]:{name_width}}  {item.size:>7}  {offset:>7}-{offset + item.size:<7}"
            f"  step {item.first:>3}-{item.last:<3}  |{bar[:BAR].ljust(BAR, '.')}|"
        )
    return "\n".join(lines)


def plan_svg(plan: Plan, steps: int) -> str:
    """Time to the right, addresses upwards; a box per tensor or scratch, with its name on hover."""
    width, height, margin = 24 * max(steps, 1), 320, 30
    scale = height / max(plan.size, 1)

    def box(item: Item, offset: int) -> str:
        x, w = margin + 24 * item.first, 24 * (item.last - item.first + 1)
        y, h = margin + height - (offset + item.size) * scale, item.size * scale
        colour = "#c9c9c9" if item.root is None else "#8fb8de"
        label = escape(f"{item.name}: {item.size} bytes at {offset}, steps {item.first}-{item.last}")
        return (
            f'<rect x="{x}" y="{y:.1f}" width="{w}" height="{h:.1f}" fill="{colour}" fill-opacity="0.7" stroke="#333">'
            f"<title>{label}</title></rect>"
        )

    boxes = "\n".join(box(item, offset) for item, offset in zip(plan.items, plan.offsets, strict=True))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" '
        f'width="{width + 2 * margin}" height="{height + 2 * margin}" font-family="sans-serif" font-size="12">\n'
        f'<text x="{margin}" y="18">arena: {plan.size} bytes; steps to the right, addresses upwards</text>\n'
        f'<rect x="{margin}" y="{margin}" width="{width}" height="{height}" fill="none" stroke="#333"/>\n'
        f"{boxes}\n</svg>\n"
    )
