// The spectrogram of a recording, drawn from tiles that the server makes with the detector's frontend.
import { dark, soundColours } from "./colours.js";

const COLUMNS = 512;  // of a tile
const COARSEST = 16;  // level
const KEPT = 160;  // tiles in memory, about 80 KB each
const AT_ONCE = 4;  // requests
const AGAIN_MS = 700;  // a tile that the server is still computing is asked for again after this
const NARROWEST = 64;  // the least number of byte values between the quietest and the loudest colour

export class Spectrogram {
  #api; #recording; #bands; #hop; #seconds; #redraw;
  progress = null;  // the share of the recording that the server has read, while it waits for that
  #tiles = new Map();  // key -> {bytes, columns, canvas, colours} | {state: "loading" | "missing"}; the oldest first
  #wanted = [];
  #loading = 0;
  #contrasts = new Map();  // level -> Contrast
  #closed = new AbortController();

  constructor(api, { recording, seconds }, { bands, hop_s: hop }, redraw) {
    [this.#api, this.#recording, this.#seconds] = [api, recording, seconds];
    [this.#bands, this.#hop, this.#redraw] = [bands, hop, redraw];
    dark.addEventListener("change", this.#recolour);
  }

  close() {
    this.#closed.abort();
    dark.removeEventListener("change", this.#recolour);
  }

  // Draws the stretch {from, until} into the box {x, y, width, height}; `scale` is device pixels per unit of the context.
  draw(context, box, { from, until }, scale) {
    const perPixel = (until - from) / (box.width * scale);
    const level = Math.min(COARSEST, Math.max(0, Math.floor(Math.log2(perPixel / this.#hop))));
    const tileS = this.#tileSeconds(level);
    const first = Math.floor(Math.max(0, from) / tileS);
    const last = Math.floor(Math.min(until, this.#seconds - 1e-6) / tileS);
    const xOf = (seconds) => Math.round((box.x + (seconds - from) / (until - from) * box.width) * scale) / scale;
    context.save();
    context.beginPath();
    context.rect(box.x, box.y, box.width, box.height);
    context.clip();
    this.#wanted = [];
    for (let number = first; number <= last; number++)
      this.#drawTile(context, { level, number }, box, xOf);
    for (const number of [last + 1, first - 1])
      if (number >= 0 && number * tileS < this.#seconds) this.#want(level, number);
    context.restore();
    this.#load();
  }

  #tileSeconds(level) { return COLUMNS * this.#hop * 2 ** level; }

  #drawTile(context, { level, number }, box, xOf) {
    const tile = this.#want(level, number);
    if (tile?.canvas) {
      const start = number * this.#tileSeconds(level);
      const [left, right] = [xOf(start), xOf(start + tile.columns * this.#hop * 2 ** level)];
      this.#colour(tile, level);
      context.drawImage(tile.canvas, 0, 0, tile.columns, this.#bands, left, box.y, right - left, box.height);
    } else this.#drawCoarser(context, { level, number }, box, xOf);
  }

  // While a tile is on its way, the part of a coarser one is shown that covers the same time.
  #drawCoarser(context, { level, number }, box, xOf) {
    const start = number * this.#tileSeconds(level), end = Math.min(this.#seconds, start + this.#tileSeconds(level));
    for (let above = level + 1; above <= COARSEST; above++) {
      const tile = this.#tiles.get(`${above}/${number >> (above - level)}`);
      if (!tile?.canvas) continue;
      const columnS = this.#hop * 2 ** above, origin = (number >> (above - level)) * this.#tileSeconds(above);
      const from = (start - origin) / columnS, width = Math.min(tile.columns - from, (end - start) / columnS);
      if (width <= 0) return;
      this.#colour(tile, above);
      context.drawImage(tile.canvas, from, 0, width, this.#bands, xOf(start), box.y, xOf(end) - xOf(start), box.height);
      return;
    }
  }

  // Returns the tile if it is here; otherwise it will be asked for.
  #want(level, number) {
    const key = `${level}/${number}`, tile = this.#tiles.get(key);
    if (!tile) this.#wanted.push({ key, level, number });
    else if (tile.canvas) {  // the youngest again
      this.#tiles.delete(key);
      this.#tiles.set(key, tile);
    }
    return tile;
  }

  #load() {
    while (this.#loading < AT_ONCE && this.#wanted.length) {
      const { key, level, number } = this.#wanted.shift();
      this.#loading += 1;
      this.#tiles.set(key, { state: "loading" });
      this.#fetchTile(key, level, number).catch(() => this.#forgetLater(key)).finally(() => {
        this.#loading -= 1;
        if (!this.#closed.signal.aborted) this.#load();
      });
    }
  }

  async #fetchTile(key, level, tile) {
    const answer = await this.#api.fetch("spectrogram", { recording: this.#recording, level, tile }, { signal: this.#closed.signal });
    if (answer.status === 404) this.#tiles.set(key, { state: "missing" });
    else if (answer.status !== 200) {
      this.progress = answer.status === 202 ? (await answer.json()).progress : null;
      this.#redraw();
      this.#forgetLater(key);
    } else {
      this.progress = null;
      const bytes = new Uint8Array(await answer.arrayBuffer());
      const columns = Number(answer.headers.get("X-Columns")) || COLUMNS;
      this.#tiles.set(key, { bytes, columns, canvas: new OffscreenCanvas(COLUMNS, this.#bands), colours: null });
      if (!this.#contrasts.has(level)) this.#contrasts.set(level, new Contrast());
      this.#contrasts.get(level).add(bytes, this.#bands, columns);
      for (const [oldest, { canvas }] of this.#tiles) {
        if (this.#tiles.size <= KEPT) break;
        if (canvas) this.#tiles.delete(oldest);
      }
      this.#redraw();
    }
  }

  #forgetLater(key) {
    setTimeout(() => {
      this.#tiles.delete(key);
      if (!this.#closed.signal.aborted) this.#redraw();
    }, AGAIN_MS);
  }

  // Fills the picture of a tile, if it was not yet filled with the colours that its level has now.
  #colour(tile, level) {
    const colours = this.#contrasts.get(level).colours;
    if (tile.colours === colours) return;
    tile.colours = colours;
    const context = tile.canvas.getContext("2d"), image = context.createImageData(COLUMNS, this.#bands);
    const pixels = new Uint32Array(image.data.buffer);
    for (let band = 0; band < this.#bands; band++) {
      const row = (this.#bands - 1 - band) * COLUMNS;
      for (let x = 0; x < COLUMNS; x++) pixels[row + x] = colours[tile.bytes[band * COLUMNS + x]];
    }
    context.putImageData(image, 0, 0);
  }

  #recolour = () => {
    for (const contrast of this.#contrasts.values()) contrast.recolour();
    this.#redraw();
  };
}

// Chooses the bytes that get the quietest and the loudest colour, from all tiles of a level that were seen so far.
class Contrast {
  #counts = new Float64Array(256);
  #quiet = NaN;
  #loud = NaN;
  colours = null;

  add(bytes, bands, columns) {
    for (let band = 0; band < bands; band++)
      for (let x = 0; x < columns; x++) this.#counts[bytes[band * COLUMNS + x]] += 1;
    const quiet = this.#quantile(0.2), loud = Math.max(quiet + NARROWEST, this.#quantile(0.999));
    if (Math.abs(quiet - this.#quiet) < 6 && Math.abs(loud - this.#loud) < 6) return;
    [this.#quiet, this.#loud] = [quiet, loud];
    this.recolour();
  }

  recolour() { this.colours = soundColours(this.#quiet, this.#loud); }

  #quantile(share) {
    let left = share * this.#counts.reduce((sum, count) => sum + count, 0);
    for (let byte = 0; byte < 256; byte++) {
      left -= this.#counts[byte];
      if (left <= 0) return byte;
    }
    return 255;
  }
}
