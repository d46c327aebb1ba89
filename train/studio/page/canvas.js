// Draws what is on the screen of the editor: the spectrogram, the labels on it, the cursor and the time axis.
import { colourOf, style, textOnColour } from "./colours.js";
import { clock } from "./dom.js";
import { isPoint, lanes, same } from "./regions.js";

export const TOP = 24, AXIS = 24;  // heights: of the names above the spectrogram, and of the time axis below
const TAG = 18, LANES = 3;  // height of a name, and how many lanes of names there are when labels overlap
const SELECTED = { fill: 0.34, width: 3 };
const LONGEST_NAME_PX = 140;
const CROWDED_PX = 6;  // with more labels than one in so many pixels, only marks above the spectrogram are drawn
const MARKED_HZ = [20000, 10000, 5000, 2000, 1000, 500, 200, 100, 50, 20, 10];
const FONT = "12px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
const STEPS_S = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30,
                 60, 120, 300, 600, 1200, 1800, 3600, 7200];

// Returns [context, width, height, scale] of a canvas that is as sharp as the screen and empty.
export function clean(canvas) {
  const scale = devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  const [wide, high] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== wide || canvas.height !== high) [canvas.width, canvas.height] = [wide, high];
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = FONT;
  context.textBaseline = "middle";
  return [context, width, height, scale];
}

// editor: {view, spectrogram, labels, ghosts, selected, draft, classes, cursor, playhead, bandHz}
export function drawEditor(canvas, editor) {
  const [context, width, height, scale] = clean(canvas);
  if (!width) return;
  const scene = new Scene(context, width, height, editor);
  editor.spectrogram.draw(context, { x: 0, y: TOP, width, height: height - TOP - AXIS }, editor.view, scale);
  scene.drawAxis();
  scene.drawLabels();
  scene.drawFrequencies();
  scene.drawCursor();
}

class Scene {
  constructor(context, width, height, editor) {
    [this.context, this.width, this.height, this.editor] = [context, width, height, editor];
    this.bottom = height - AXIS;
  }

  xOf(seconds) { return (seconds - this.editor.view.from) / this.editor.view.length * this.width; }

  drawLabels() {
    const { view, draft, selected, labels, ghosts } = this.editor;
    const inView = ({ onset, offset }) => offset >= view.from && onset <= view.until;
    const shown = labels.events.filter((event) => inView(event) && !(draft?.of && same(event, draft.of)));
    this.isCrowded = shown.length > this.width / CROWDED_PX;
    for (const event of labels.ignored.filter(inView)) this.#stretch(event, style("--dim"), { dash: [2, 3], fill: 0.1 });
    for (const ghost of ghosts.filter(inView)) {
      const colour = colourOf(this.editor.classes, ghost.label);
      const isSelected = selected?.ghost && same(selected.event, ghost);
      this.#stretch(ghost, colour, { dash: [5, 4], fill: isSelected ? 0.22 : 0.06, width: isSelected ? 2.5 : 1.5 });
    }
    for (const event of shown) {
      const isSelected = selected && !selected.ghost && same(selected.event, event);
      const look = isSelected ? SELECTED : { fill: 0.16, width: 1.5 };
      this.#stretch(event, colourOf(this.editor.classes, event.label), look);
    }
    if (draft) this.#stretch(draft.now, colourOf(this.editor.classes, draft.now.label), SELECTED);
    const named = [...labels.ignored.filter(inView).map((event) => ({ ...event, isIgnored: true })), ...shown,
      ...ghosts.filter(inView).map((ghost) => ({ ...ghost, isGhost: true })), ...(draft ? [draft.now] : [])].map((event) => ({ ...event }))
      .sort((a, b) => a.onset - b.onset);
    if (this.isCrowded) return;
    for (const event of named) event.text = this.#nameOf(event);
    const perPixel = view.length / this.width;
    const places = lanes(named, named.map(({ text }) => (this.context.measureText(text).width + 14) * perPixel));
    named.forEach((event, index) => { if (places[index] < LANES) this.#name(event, places[index]); });
  }

  #nameOf({ label, score }) {
    return this.#shortened(score != null ? `${label} ${score.toFixed(2)}` : label, LONGEST_NAME_PX);
  }

  #stretch({ onset, offset }, colour, { dash = [], fill, width = 1.5 }) {
    const { context } = this, left = this.xOf(onset), right = this.xOf(offset);
    const [top, bottom] = this.isCrowded ? [TOP - 12, TOP] : [TOP, this.bottom];
    context.save();
    context.fillStyle = context.strokeStyle = colour;
    context.globalAlpha = fill;
    context.fillRect(left, top, Math.max(1, right - left), bottom - top);
    context.globalAlpha = 1;
    context.lineWidth = width;
    context.setLineDash(dash);
    context.beginPath();
    for (const x of onset === offset ? [left] : [left, right]) {
      context.moveTo(x, top);
      context.lineTo(x, bottom);
    }
    context.stroke();
    context.restore();
  }

  #name(event, lane) {
    const { context } = this, left = this.xOf(event.onset), top = 3 + lane * (TAG + 2);
    const { text } = event, wide = context.measureText(text).width + 12;
    const x = Math.max(0, left - (isPoint(event) ? 1 : 0));
    const colour = event.isIgnored ? style("--dim") : colourOf(this.editor.classes, event.label);
    context.beginPath();
    context.roundRect(x, top, wide, TAG, [0, 4, 4, 0]);
    context.fillStyle = event.isGhost ? style("--card") : colour;
    context.fill();
    if (event.isGhost) {
      context.strokeStyle = colour;
      context.setLineDash([3, 2]);
      context.stroke();
      context.setLineDash([]);
    }
    context.fillStyle = event.isGhost ? style("--text") : event.isIgnored ? style("--card") : textOnColour();
    context.textAlign = "left";
    context.fillText(text, x + 6, top + TAG / 2 + 0.5);
  }

  #shortened(text, widest) {
    if (this.context.measureText(text).width <= widest) return text;
    let end = text.length;
    while (end > 1 && this.context.measureText(text.slice(0, end) + "\u2026").width > widest) end -= 1;
    return text.slice(0, end) + "\u2026";
  }

  drawAxis() {
    const { context, bottom, width } = this, { view } = this.editor;
    const step = STEPS_S.find((each) => each / view.length * width >= 84) || 14400;
    const digits = step >= 1 ? 0 : Math.min(3, Math.ceil(-Math.log10(step) - 1e-9));
    context.fillStyle = style("--dim");
    context.textAlign = "center";
    for (let k = Math.ceil(view.from / step); k * step <= view.until; k++) {
      const x = Math.round(this.xOf(k * step));
      context.fillRect(x, bottom, 1, 5);
      if (x > 16 && x < width - 16) context.fillText(clock(k * step, digits), x, bottom + AXIS / 2 + 3);
    }
  }

  // Names some frequencies at the left edge, on patches that keep them legible.
  drawFrequencies() {
    const { context, bottom } = this, bands = this.editor.bandHz, deep = bottom - TOP;
    let last = -Infinity;
    context.textAlign = "left";
    for (const hz of MARKED_HZ) {
      const above = bands.findIndex((middle) => middle >= hz);
      if (above < 1) continue;
      const part = (hz - bands[above - 1]) / (bands[above] - bands[above - 1]);
      const y = bottom - (above - 0.5 + part) / bands.length * deep;
      if (y - last < 24 || y < TOP + 10 || y > bottom - 10) continue;
      const text = hz < 1000 ? `${hz} Hz` : `${hz / 1000} kHz`;
      context.globalAlpha = 0.75;
      context.fillStyle = style("--card");
      context.fillRect(4, y - 8, context.measureText(text).width + 8, 16);
      context.globalAlpha = 1;
      context.fillStyle = style("--text");
      context.fillRect(0, Math.round(y), 4, 1);
      context.fillText(text, 8, y);
      last = y;
    }
  }

  drawCursor() {
    const { context } = this, { cursor, playhead } = this.editor;
    const line = (seconds, wide) => {
      const x = this.xOf(seconds);
      context.fillStyle = style("--card");
      context.fillRect(x - wide / 2 - 1, TOP, wide + 2, this.bottom - TOP);
      context.fillStyle = style("--text");
      context.fillRect(x - wide / 2, TOP, wide, this.bottom - TOP + 6);
      return x;
    };
    line(cursor, 1);
    if (playhead === null) return;
    const x = line(playhead, 2);
    context.beginPath();
    context.moveTo(x - 7, TOP - 9);
    context.lineTo(x + 7, TOP - 9);
    context.lineTo(x, TOP + 3);
    context.fill();
  }
}
