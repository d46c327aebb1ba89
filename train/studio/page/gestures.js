// Mouse, pen and fingers on the spectrogram: drawing, dragging and resizing labels, and moving about with two fingers.
import { between, hit, moved, resized } from "./regions.js";

const NEAR_PX = { mouse: 6, pen: 10, touch: 16 };  // how near an edge must be to be dragged
const DRAG_PX = 4;  // shorter movements are clicks
const DOUBLE_MS = 350, DOUBLE_PX = 8;  // two clicks within this time and distance are a double click
const LINE_PX = 16, PAGE_PX = 400;  // what a wheel that counts lines or pages means

export class Gestures {
  #canvas; #editor;
  #fingers = new Map();  // pointerId -> x
  #drag = null;  // {start, at0, found, point}
  #lastClick = { at: -Infinity, x: 0 };
  #dotHeld = false;

  // editor: {view, labels, ghosts, duration, currentClass, draft, invalidate, select, deselect, setCursor, addPoint, commit}
  constructor(canvas, editor) {
    [this.#canvas, this.#editor] = [canvas, editor];
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", (event) => this.#up(event));
    canvas.addEventListener("pointercancel", (event) => this.#cancel(event));
    canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
  }

  set dotHeld(isHeld) { this.#dotHeld = isHeld; }
  get isBusy() { return this.#drag !== null; }

  cancel() {
    this.#drag = null;
    this.#editor.draft = null;
    this.#editor.invalidate();
  }

  #timeAt(x) { return this.#editor.view.from + x / this.#canvas.clientWidth * this.#editor.view.length; }
  #slack({ pointerType }) { return (NEAR_PX[pointerType] || 6) / this.#canvas.clientWidth * this.#editor.view.length; }

  #found(event, at) { return hit(this.#editor.labels.events, at, this.#slack(event)); }

  #down(event) {
    if (event.button !== 0) return;
    this.#canvas.setPointerCapture(event.pointerId);
    this.#canvas.focus({ preventScroll: true });
    if (event.pointerType === "touch") this.#fingers.set(event.pointerId, event.offsetX);
    if (this.#fingers.size > 1) return this.cancel();
    const at = this.#timeAt(event.offsetX), found = event.shiftKey ? null : this.#found(event, at);
    this.#drag = { x: event.offsetX, at, found, isFar: false, point: this.#dotHeld };
  }

  #move(event) {
    if (this.#fingers.has(event.pointerId) && this.#fingers.size > 1) return this.#pinch(event);
    if (!this.#drag) return this.#showWhatIsThere(event);
    if (Math.abs(event.offsetX - this.#drag.x) >= DRAG_PX) this.#drag.isFar = true;
    if (!this.#drag.isFar || this.#drag.point) return;
    this.#follow(event.offsetX);
    const { at, found } = this.#drag, now = this.#timeAt(event.offsetX), editor = this.#editor;
    if (!found) editor.draft = { of: null, now: between(at, now, editor.currentClass, editor.duration) };
    else if (found.part === "body") editor.draft = { of: found.event, now: moved(found.event, now - at, editor.duration) };
    else editor.draft = { of: found.event, now: resized(found.event, found.part, now, editor.duration) };
    editor.invalidate();
  }

  // While something is dragged beyond the edge, the view goes with it.
  #follow(x) {
    const width = this.#canvas.clientWidth, beyond = x < 0 ? x : x > width ? x - width : 0;
    if (beyond) this.#editor.view.pan(Math.max(-0.05, Math.min(0.05, beyond / width)) * this.#editor.view.length);
  }

  #up(event) {
    this.#fingers.delete(event.pointerId);
    const drag = this.#drag, editor = this.#editor, draft = editor.draft;
    this.#drag = null;
    if (!drag) return;
    editor.draft = null;
    if (drag.isFar && draft) {
      editor.commit([{ from: draft.of, to: draft.now }], draft.now);
      editor.setCursor(draft.now.onset);
    } else this.#click(event, drag);
    editor.invalidate();
  }

  #click(event, { at, found, point }) {
    const editor = this.#editor, isNear = Math.abs(event.offsetX - this.#lastClick.x) < DOUBLE_PX;
    const isDouble = isNear && event.timeStamp - this.#lastClick.at < DOUBLE_MS;
    this.#lastClick = { at: isDouble ? -Infinity : event.timeStamp, x: event.offsetX };
    if (point || (isDouble && !found)) return editor.addPoint(at);
    const ghost = found ? null : hit(editor.ghosts, at, this.#slack(event));
    if (found) editor.select(found.event, false);
    else if (ghost) editor.select(ghost.event, true);
    else editor.deselect();
    editor.setCursor(at);
  }

  #cancel(event) {
    this.#fingers.delete(event.pointerId);
    this.cancel();
  }

  // Two fingers: their distance zooms, their middle moves the view.
  #pinch(event) {
    const before = [...this.#fingers.values()];
    this.#fingers.set(event.pointerId, event.offsetX);
    const after = [...this.#fingers.values()], middle = (pair) => (pair[0] + pair[1]) / 2;
    const spread = (pair) => Math.max(24, Math.abs(pair[0] - pair[1]));
    const held = this.#timeAt(middle(before));
    this.#editor.view.zoom(spread(before) / spread(after), held);
    this.#editor.view.pan(held - this.#timeAt(middle(after)));
  }

  #wheel(event) {
    event.preventDefault();
    const unit = { [WheelEvent.DOM_DELTA_LINE]: LINE_PX, [WheelEvent.DOM_DELTA_PAGE]: PAGE_PX }[event.deltaMode] || 1;
    const { view } = this.#editor, sideways = event.shiftKey ? event.deltaY + event.deltaX : event.deltaX;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))
      view.pan(sideways * unit / this.#canvas.clientWidth * view.length);
    else view.zoom(2 ** (event.deltaY * unit / (event.ctrlKey ? 60 : 300)), this.#timeAt(event.offsetX));  // Ctrl: a pinch
  }

  #showWhatIsThere(event) {
    const finds = event.pointerType === "mouse" && !event.shiftKey;
    const found = finds ? this.#found(event, this.#timeAt(event.offsetX)) : null;
    this.#canvas.style.cursor = !found ? "crosshair" : found.part === "body" ? "grab" : "ew-resize";
  }
}
