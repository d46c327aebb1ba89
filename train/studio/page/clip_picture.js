// The spectrogram of one clip with what was heard in it, and its sound.
import { colourOf, dark, soundColours, style, textOnColour } from "./colours.js";
import { element } from "./dom.js";

const HEIGHT = 220;

export class ClipPicture {
  #api; #clip = null; #sound = null; #image = null; #bytes = null; #frame = 0; #resize;

  constructor(api) {
    this.#api = api;
    this.element = element("canvas", { className: "clip", role: "img", "aria-label": "Spectrogram of the clip" });
    this.element.style.cssText = `display: block; width: 100%; height: ${HEIGHT}px; cursor: pointer`;
    this.element.addEventListener("click", () => this.togglePlay());
    this.#resize = new ResizeObserver(() => this.#invalidate());
    this.#resize.observe(this.element);
    dark.addEventListener("change", this.#recolour);
  }

  close() {
    this.#stop();
    this.#clip = null;
    this.#resize.disconnect();
    dark.removeEventListener("change", this.#recolour);
    cancelAnimationFrame(this.#frame);
  }

  // Shows a clip and plays it; null shows nothing.
  show(clip) {
    if (clip && this.#clip?.clip === clip.clip) return;
    this.#stop();
    [this.#clip, this.#image, this.#bytes] = [clip, null, null];
    if (!clip) return;
    this.#sound = new Audio(this.#api.url("inbox/sound", { clip: clip.clip }));
    this.#sound.addEventListener("play", () => this.#invalidate());
    this.#sound.play().catch(() => {});  // a browser that waits for a first key or click plays the next one
    this.#load(clip).catch(() => {});
    this.#invalidate();
  }

  togglePlay() {
    if (!this.#sound) return;
    if (!this.#sound.paused) return this.#sound.pause();
    this.#sound.currentTime = 0;
    this.#sound.play().catch(() => {});
  }

  #stop() {
    this.#sound?.pause();
    this.#sound?.removeAttribute("src");
    this.#sound = null;
  }

  async #load(clip) {
    const answer = await this.#api.fetch("inbox/spectrogram", { clip: clip.clip });
    if (!answer.ok) return;
    const bytes = new Uint8Array(await answer.arrayBuffer());
    if (this.#clip !== clip) return;
    this.#bytes = { bytes, bands: Number(answer.headers.get("X-Bands")), columns: Number(answer.headers.get("X-Columns")) };
    this.#recolour();
  }

  #recolour = () => {
    this.#image = this.#bytes?.columns ? coloured(this.#bytes) : null;
    this.#invalidate();
  };

  #invalidate() { this.#frame ||= requestAnimationFrame(() => this.#draw()); }

  #draw() {
    this.#frame = 0;
    const { clientWidth: width, clientHeight: height } = this.element, scale = devicePixelRatio;
    [this.element.width, this.element.height] = [Math.round(width * scale), Math.round(height * scale)];
    const context = this.element.getContext("2d");
    context.scale(scale, scale);
    if (!this.#clip) return;
    if (this.#image) context.drawImage(this.#image, 0, 0, width, height);
    const classes = [...new Set(this.#clip.events.map(({ label }) => label))].sort();
    for (const event of this.#clip.events) drawEvent(context, event, colourOf(classes, event.label), (seconds) => seconds / this.#clip.seconds * width, height);
    if (!this.#sound || this.#sound.paused) return;
    context.fillStyle = style("--text") || "#888";
    context.fillRect(this.#sound.currentTime / this.#clip.seconds * width, 0, 2, height);
    this.#invalidate();
  }
}

function drawEvent(context, { onset, offset, label, kind }, colour, x, height) {
  const text = kind === "near miss" ? `${label}?` : label, left = x(onset), width = Math.max(2, x(offset) - left);
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = 2;
  context.setLineDash(kind === "near miss" ? [6, 4] : []);
  context.strokeRect(left, 1, width, height - 2);
  context.font = "14px system-ui, sans-serif";
  context.fillRect(left, 0, context.measureText(text).width + 8, 20);
  context.fillStyle = textOnColour();
  context.fillText(text, left + 4, 15);
}

function coloured({ bytes, bands, columns }) {
  const ordered = Uint8Array.from(bytes).sort(), at = (share) => ordered[Math.floor(share * (ordered.length - 1))];
  const quiet = at(0.2), colours = soundColours(quiet, Math.max(quiet + 24, at(0.999)));
  const canvas = new OffscreenCanvas(columns, bands), context = canvas.getContext("2d");
  const image = context.createImageData(columns, bands), pixels = new Uint32Array(image.data.buffer);
  for (let band = 0; band < bands; band++)
    for (let column = 0; column < columns; column++) pixels[(bands - 1 - band) * columns + column] = colours[bytes[band * columns + column]];
  context.putImageData(image, 0, 0);
  return canvas;
}
