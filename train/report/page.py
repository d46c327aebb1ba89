"""The building blocks of the report: one HTML page with style and script, light and dark, for desktop and phone."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from math import isnan

from stapes.train.judge.alarm_budget import AlarmRate, rate_text
from stapes.train.judge.metrics import Estimate

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1d1f; --faint: #5f656b; --paper: #f5f5f2; --panel: #fff; --line: #e2e2dd;
        --accent: #0072b2; --warn: #b34700; --warn-paper: #fdf1e7; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e7e7e4; --faint: #9ba1a8; --paper: #121315; --panel: #1a1c1f; --line: #2d3034;
          --accent: #56b4e9; --warn: #ffb27a; --warn-paper: #2b2018; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 2rem 1.25rem 4rem; color: var(--ink); background: var(--paper);
       font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0; letter-spacing: -.02em; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .8rem; letter-spacing: -.01em; }
h3 { font-size: .95rem; margin: 0 0 .6rem; font-weight: 600; }
p { margin: .4rem 0; } header p { color: var(--faint); }
.note { color: var(--faint); font-size: .85rem; }
.warn { color: var(--warn); background: var(--warn-paper); border-left: .25rem solid; border-radius: .3rem;
        padding: .6rem .9rem; margin: 1rem 0; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1rem; font-size: .85rem; }
.class { white-space: nowrap; }
.class::before { content: ""; display: inline-block; width: .65em; height: .65em; border-radius: 50%;
                 background: var(--of-class); margin-right: .45em; }
.panel { background: var(--panel); border: 1px solid var(--line); border-radius: .7rem; margin: 0;
         padding: 1rem 1.1rem; }
.cards { display: grid; grid-template-columns: repeat(5, 1fr); gap: .9rem; margin: 1.4rem 0; }
.card span { color: var(--faint); font-size: .82rem; display: block; }
.card b { font-size: 1.75rem; line-height: 1.25; letter-spacing: -.02em; font-weight: 650; }
.range { position: relative; display: block; height: .3rem; margin-top: .5rem; border-radius: 1rem;
         background: var(--line); }
.range::before { content: ""; position: absolute; inset: 0 calc(100% - var(--high)) 0 var(--low); border-radius: 1rem;
                 background: var(--accent); opacity: .45; }
.range::after { content: ""; position: absolute; left: calc(var(--at) - .15rem); top: -.1rem; width: .3rem;
                height: .5rem; border-radius: 1rem; background: var(--accent); }
.grid { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1rem; }
.wide { overflow-x: auto; padding: .4rem 0; margin-bottom: .5rem; }
table { border-collapse: separate; border-spacing: 0; width: 100%; font-size: .93rem; white-space: nowrap;
        font-variant-numeric: tabular-nums; }
th { color: var(--faint); font-weight: 500; font-size: .8rem; vertical-align: bottom; }
th, td { padding: .45rem .85rem; text-align: right; border-top: 1px solid var(--line); } thead th { border: 0; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: var(--panel); }
small { color: var(--faint); font-size: .78rem; font-weight: 400; letter-spacing: 0; white-space: nowrap; }
td small { display: block; line-height: 1.1; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1.2rem; margin: 0; font-size: .93rem; }
dt { color: var(--faint); } dd { margin: 0; overflow-wrap: anywhere; }
svg { width: 100%; height: auto; display: block; }
.picture { position: relative; } .mistake .picture { cursor: pointer; }
.picture i { position: absolute; top: 0; bottom: 17%; width: 2px; margin-left: -1px; background: #e8590c;
             visibility: hidden; }
.mistake p { display: flex; flex-wrap: wrap; gap: 0 .8rem; margin: 0 0 .5rem; font-size: .88rem; }
.mistake p span:last-child { color: var(--faint); overflow-wrap: anywhere; }
audio { width: 100%; height: 2.3rem; margin-top: .5rem; }
@media (max-width: 48rem) {
  body { padding: 1.2rem .8rem 3rem; } h1 { font-size: 1.5rem; }
  .cards { grid-template-columns: 1fr 1fr; gap: .6rem; } .card b { font-size: 1.4rem; }
  .grid { grid-template-columns: minmax(0, 1fr); } .panel { padding: .7rem; }
  .wide { padding: .2rem 0; } th, td { padding: .4rem .55rem; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; } }
@media print { body { max-width: none; } audio { display: none; } .panel { break-inside: avoid; } }
"""

# A line moves through the picture while the sound plays; a click in the picture plays from there.
_SCRIPT = """
for (const figure of document.querySelectorAll(".mistake")) {
  const sound = figure.querySelector("audio"), picture = figure.querySelector(".picture"), line = picture.lastChild;
  const {seconds, left, right} = picture.dataset;
  const follow = () => {
    line.style.left = `${100 * (+left + (right - left) * Math.min(1, sound.currentTime / seconds))}%`;
    line.style.visibility = sound.ended ? "hidden" : "visible";
    if (!sound.paused) requestAnimationFrame(follow);
  };
  sound.addEventListener("play", () => {
    for (const other of document.querySelectorAll("audio")) if (other !== sound) other.pause();
    follow();
  });
  sound.addEventListener("seeked", follow);
  picture.addEventListener("click", event => {
    const box = picture.getBoundingClientRect(), at = (event.clientX - box.left) / box.width;
    sound.currentTime = Math.max(0, (at - left) / (right - left)) * seconds;
    sound.play();
  });
}
"""


def document(title: str, body: str) -> str:
    """Return the whole page; `body` is HTML, `title` is text."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n"
        f"<script>{_SCRIPT}</script>\n</body>\n</html>\n"
    )


def class_name(label: str, color: str) -> str:
    """Return the name of a class with a dot in its colour."""
    return f'<span class="class" style="--of-class: {color}">{escape(label)}</span>'


def legend(colors: Mapping[str, str]) -> str:
    """Return the legend of a picture, which stands below the picture so that it covers nothing."""
    return '<p class="legend">' + "".join(class_name(label, color) for label, color in colors.items()) + "</p>"


def card(name: str, value: str, of_one: Estimate | None = None) -> str:
    """Return one figure in large type; `of_one` is drawn with its interval on a bar from 0 to 1."""
    bar = ""
    if of_one is not None and not isnan(of_one.low):
        low, at, high = (f"{100 * each:.1f}%" for each in (of_one.low, of_one.value, of_one.high))
        bar = f'<i class="range" style="--low: {low}; --at: {at}; --high: {high}"></i>'
    return f'<div class="panel card"><span>{escape(name)}</span><b>{value}</b>{bar}</div>'


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table that scrolls sideways on a narrow screen; the header is text, cells are HTML."""
    head = "".join(f"<th>{escape(each)}</th>" for each in header)
    body = "".join("<tr>" + "".join(f"<td>{each}</td>" for each in row) + "</tr>" for row in rows)
    return f'<div class="panel wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def figure(title: str, svg: str, text: str, below: str = "") -> str:
    """Return a picture with its title, a line of explanation (text), and HTML below it."""
    note = f'<p class="note">{escape(text)}</p>' if text else ""
    return f'<figure class="panel"><h3>{escape(title)}</h3>{svg}{below}{note}</figure>'


def facts(rows: Mapping[str, str]) -> str:
    """Return a list of names with a description of each, both text."""
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in rows.items())
    return f'<dl class="panel">{listed}</dl>'


def cell(value: Estimate | AlarmRate | float, spec: str) -> str:
    """Return a number, with its interval or upper limit if it has one, as HTML; a dash where it is not defined."""
    if isinstance(value, AlarmRate):
        limit = f"at most {rate_text(value.at_most)}"
        return f"{rate_text(value.per_hour)} <small>{limit}</small>" if value.hours > 0 else "&ndash;"
    if not isinstance(value, Estimate):
        return "&ndash;" if isnan(value) else f"{value:{spec}}"
    if isnan(value.value):
        return "&ndash;"
    return f"{value.value:{spec}} <small>{value.low:{spec}}&hellip;{value.high:{spec}}</small>"
