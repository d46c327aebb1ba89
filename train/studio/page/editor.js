// The editor of one recording: its state, and everything that keys, mouse and buttons can do to it.
import { drawEditor } from "./canvas.js";
import { dark } from "./colours.js";
import { element } from "./dom.js";
import { Controls } from "./editor_controls.js";
import { Gestures } from "./gestures.js";
import { helpDialog, listen } from "./keys.js";
import { LabelTable } from "./label_table.js";
import { Labels } from "./labels.js";
import { Overview } from "./overview.js";
import { Player } from "./player.js";
import * as proposals from "./proposals.js";
import { between, mergedWithNext, moved, overlaps, plain, resized, rounded, same, sorted, splitAt } from "./regions.js";
import { Spectrogram } from "./spectrogram.js";
import { View } from "./view.js";

const SHOWN_S = 20;  // of a recording that was just opened
const BEFORE_S = 3, AFTER_S = 5;  // shown around a moment that was asked for
const INFO_MS = 800;  // the state and the problems of the recording are asked for this long after a change
const NEAR_S = 0.1;  // a label this near to a place of the queue is meant by it
const STEP_S = 0.01, FINE_STEP_S = 0.001;
const FIRST_CLASS = "event";  // where a dataset has no class yet

let currentClass = null;  // the class of the next label, also in the next recording

// route: {recording, at, until, label}. Returns a function that closes the editor, whose `jump` goes to another route of
// the same recording.
export async function open(container, context, route) {
  const recordings = await context.api.get("recordings");
  const info = recordings.find(({ recording }) => recording === route.recording);
  if (!info) {
    const sentence = `There is no recording ${route.recording} in this dataset.`;
    container.append(element("p", { className: "card none" }, sentence));
    return () => {};
  }
  const editor = new Editor(container, context, info, recordings);
  try {
    await editor.start(route);
  } catch (error) {
    editor.close();
    throw error;
  }
  return Object.assign(() => editor.close(), { recording: route.recording, jump: (to) => editor.jump(to) });
}

class Editor {
  ghosts = [];  // proposals: {onset, offset, label, score, origin}
  selected = null;  // {event, ghost: whether it is a proposal}
  draft = null;  // {of: the label that is dragged or null, now: what it will be}
  cursor = 0;
  classes = [FIRST_CLASS];
  #context; #info; #recordings; #timer = 0; #frame = 0;
  #viewed = new Set(); #dropped = new Set();  // what proposals want to be told
  #dotAt = null;  // the moment at which the full stop was pressed
  #proposed = [];  // what proposals gave last; `ghosts` are those that overlap no label
  #removed = [];  // proposals that were dropped here
  #ends = [];

  constructor(container, context, info, recordings) {
    [this.#context, this.#info, this.#recordings] = [context, info, recordings];
    [this.api, this.recording, this.duration] = [context.api, info.recording, info.seconds];
    this.bandHz = context.dataset.band_hz || [];
    this.view = new View(this.duration, () => this.#viewChanged());
    this.spectrogram = new Spectrogram(this.api, info, context.dataset, () => this.invalidate());
    this.strip = new Spectrogram(this.api, info, context.dataset, () => this.invalidate());
    this.player = new Player(this.api, this.recording, this.duration, (text) => this.say(text));
    const told = { changed: () => this.#changed(), say: (text) => this.say(text) };
    this.labels = new Labels(this.api, context.outbox, this.recording, told);
    this.controls = new Controls(this);
    this.#lay(container);
  }

  #lay(container) {
    this.canvas = element("canvas", { className: "spectrogram", tabIndex: 0, role: "application",
      "aria-label": "Spectrogram with labels. Arrow keys up and down select labels, left and right move them; "
        + "a question mark lists all keys." });
    const strip = element("canvas", { className: "overview", role: "img",
      "aria-label": "The whole recording, with the part on the screen" });
    this.gestures = new Gestures(this.canvas, this);
    this.overview = new Overview(strip, { view: this.view, spectrogram: this.strip, labels: this.labels,
      editor: this, get classes() { return this.editor.classes; }, get playhead() { return this.editor.playhead; } });
    this.table = new LabelTable(this);
    this.help = helpDialog();
    const { head, queue, message, buttons, classes, problems } = this.controls;
    const pictures = element("div", { className: "card" }, strip, this.canvas);
    container.append(head, queue, pictures, message, buttons, classes, problems, this.table.element, this.help);
    const resize = new ResizeObserver(() => this.invalidate());
    resize.observe(this.canvas);
    const redraw = () => { this.invalidate(); this.controls.showClasses(); this.table.show(); };
    dark.addEventListener("change", redraw);
    const showSaved = () => this.controls.showSaved(this.#context.outbox);
    this.#ends = [listen(this, this.gestures), () => resize.disconnect(), () => dark.removeEventListener("change", redraw),
      this.#context.outbox.listen({ state: showSaved }), this.api.onChange((message) => this.#noticed(message))];
  }

  async start(route) {
    await this.labels.load();
    this.#findClasses();
    this.currentClass = currentClass && this.classes.includes(currentClass) ? currentClass : this.classes[0];
    this.view.show(0, Math.min(this.duration, SHOWN_S));
    this.#changed();
    this.jump(route);
    this.focus();
    const end = proposals.attach?.(this);
    if (end) this.#ends.push(end);
    this.controls.showSaved(this.#context.outbox);
  }

  close() {
    this.gestures.cancel();
    for (const end of this.#ends) end();
    for (const part of [this.player, this.spectrogram, this.strip, this.labels]) part.close();
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#timer);
  }

  #findClasses() {
    const { classes, events } = this.labels;
    const all = this.#context.knowClasses([...classes, ...events.map(({ label }) => label)]);
    this.classes = all.length ? all : [FIRST_CLASS];
  }

  get bar() { return this.controls.extra; }
  get playhead() { return this.player.position; }
  get #here() { return this.playhead ?? this.cursor; }

  focus() { this.canvas.focus({ preventScroll: true }); }
  say(sentence) { this.controls.say(sentence); }

  // Drawing

  invalidate() { this.#frame ||= requestAnimationFrame(() => this.#draw()); }

  #draw() {
    this.#frame = 0;
    const { playhead } = this, wasSeen = this.seenPlayhead !== null && this.seenPlayhead <= this.view.until;
    if (playhead !== null && wasSeen && playhead > this.view.until) {
      const from = playhead - 0.02 * this.view.length;
      this.view.show(from, from + this.view.length);
    }
    this.seenPlayhead = playhead;
    drawEditor(this.canvas, this);
    this.overview.draw();
    this.controls.showWhere(this.#here);
    this.controls.showPlaying(this.player);
    if (this.player.isPlaying) this.invalidate();
  }
  seenPlayhead = null;

  #viewChanged() {
    this.invalidate();
    for (const viewed of this.#viewed) viewed(this.view);
  }

  // The labels, or what is selected, are others than before.
  #changed() {
    this.#findClasses();
    if (this.selected && !this.selected.ghost && !this.labels.find(this.selected.event)) this.selected = null;
    this.#findGhosts();
    this.table.show();
    this.#showSelection();
    this.controls.showInfo(this.#info, this.labels.events.length);
  }

  #showSelection() {
    this.controls.showSelection();
    this.controls.showClasses();
    this.table.mark();
    this.invalidate();
  }

  async #noticed({ kind, recording }) {
    if (kind === "back" || (kind === "labels" && (!recording || recording === this.recording)))
      await this.labels.reload().catch((error) => this.say(error.message));
    if (kind === "back" || kind === "recordings") {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#readInfo(), INFO_MS);
    }
  }

  async #readInfo() {
    this.#recordings = await this.api.get("recordings").catch(() => this.#recordings);
    this.#info = this.#recordings.find(({ recording }) => recording === this.recording) || this.#info;
    this.controls.showInfo(this.#info, this.labels.events.length);
  }

  // What proposals need

  onView(viewed) { this.#viewed.add(viewed); viewed(this.view); }
  onDrop(dropped) { this.#dropped.add(dropped); }
  get events() { return this.labels.events; }
  editQueue(items, title) { this.#context.editQueue(items, title); }

  showGhosts(ghosts) {
    this.#proposed = sorted(ghosts);
    this.#findGhosts();
    this.#showSelection();
  }

  // What overlaps a label or was dropped is not proposed any more; the answer to an older question may still hold it.
  #findGhosts() {
    const isOpen = (ghost) => !overlaps(ghost, this.labels.events) && !this.#removed.some((each) => same(each, ghost));
    this.ghosts = this.#proposed.filter(isOpen);
    if (this.selected?.ghost && !this.ghosts.some((ghost) => same(ghost, this.selected.event))) this.selected = null;
  }

  // Going about

  jump({ at = null, until = null, label = null }) {
    this.controls.showQueue(this.#context.queue);
    if (at === null) return;
    this.view.show(at - BEFORE_S, Math.max(until ?? at, at) + AFTER_S);
    const near = this.labels.events.filter((event) => event.onset < (until ?? at) + NEAR_S && event.offset > at - NEAR_S
      && (!label || event.label === label));
    this.selected = near.length ? { event: near[0], ghost: false } : null;
    this.cursor = at;
    this.#showSelection();
  }

  goTo(seconds) {
    this.cursor = seconds;
    this.view.reveal(seconds);
    this.invalidate();
  }

  zoom(factor) {
    const inView = this.#here >= this.view.from && this.#here <= this.view.until;
    this.view.zoom(factor, inView ? this.#here : undefined);
  }

  stepQueue(step) {
    const { queue } = this.#context, index = queue ? queue.index + step : -1;
    if (queue && index >= 0 && index < queue.items.length) this.#context.goInQueue(index);
  }

  closeQueue() {
    this.#context.queue = null;
    this.controls.showQueue(null);
  }

  stepRecording(step) {
    const names = this.#recordings.map(({ recording }) => recording), to = names[names.indexOf(this.recording) + step];
    if (to !== undefined) this.#context.go(`#edit/${encodeURIComponent(to)}`);
    else this.say(step > 0 ? "This is the last recording." : "This is the first recording.");
  }

  setCursor(seconds) {
    this.cursor = Math.min(this.duration, Math.max(0, seconds));
    if (this.player.isPlaying) this.player.play(this.cursor);
  }

  toggleHelp() { this.help.open ? this.help.close() : this.help.showModal(); }

  escape() {
    if (this.gestures.isBusy) this.gestures.cancel();
    else this.deselect();
  }

  // Sound

  togglePlay() {
    if (this.player.isPlaying) this.player.stop();
    else this.player.play(this.cursor < this.duration - 0.01 ? this.cursor : 0);
    this.invalidate();
  }

  toggleLoop() {
    if (this.player.isLooping) this.player.stop();
    else {
      const { onset, offset } = this.selected?.event || { onset: this.view.from, offset: this.view.until };
      const around = offset - onset < 0.05 ? 0.2 : 0;  // a point is heard with what surrounds it
      this.player.loop(Math.max(0, onset - around), Math.min(this.duration, offset + around));
    }
    this.invalidate();
  }

  toggleHalfSpeed() {
    this.player.setSpeed(this.player.speed === 1 ? 0.5 : 1);
    this.invalidate();
  }

  // Selecting

  select(event, ghost) {
    this.selected = { event: plain(event), ghost };
    if (!this.player.isPlaying) this.cursor = event.onset;
    this.view.reveal(event.onset, event.offset);
    this.#showSelection();
  }

  deselect() {
    this.selected = null;
    this.#showSelection();
  }

  selectNext(step) {
    const all = sorted([...this.labels.events, ...this.ghosts.map((ghost) => ({ ...ghost, isGhost: true }))]);
    if (!all.length) return;
    const at = this.selected ? this.selected.event.onset : this.#here;
    let index = this.selected ? all.findIndex((event) => same(event, this.selected.event)) + step
      : step > 0 ? all.findIndex(({ onset }) => onset >= at) : all.findLastIndex(({ onset }) => onset < at);
    index = Math.max(0, Math.min(all.length - 1, index));
    this.select(all[index], all[index].isGhost || false);
  }

  // Changing; every change is one step that can be undone

  // Makes the changes and selects `select`, if given; `joins` as in History. Returns whether they could be made.
  commit(changes, select = null, joins = false) {
    const real = changes.filter(({ from, to }) => !(from && to && same(from, to)));
    if (!real.length) return true;
    const copy = real.find(({ to }) => to && this.labels.find(to));
    if (copy) {
      this.say(`There is the label \u201c${copy.to.label}\u201d with these times already.`);
      return false;
    }
    this.say("");
    const before = this.selected;
    if (select) this.selected = { event: plain(select), ghost: false };  // so that what is drawn then shows it
    if (this.labels.commit(real, joins)) return true;
    this.selected = before;
    this.say("That label was changed elsewhere meanwhile; the labels are shown as they are now.");
    this.invalidate();
    return false;
  }

  #selectedLabel() { return this.selected && !this.selected.ghost ? this.selected.event : null; }

  addPoint(at) {
    this.#dotAt = null;
    const point = between(at, at, this.currentClass, this.duration);
    this.commit([{ from: null, to: point }], point);
  }

  dot() { this.#dotAt = this.#here; }
  dotReleased() { if (this.#dotAt !== null) this.addPoint(this.#dotAt); }

  nudge({ key, shiftKey, altKey }) {
    const event = this.#selectedLabel(), step = (key === "ArrowLeft" ? -1 : 1) * (altKey ? FINE_STEP_S : STEP_S);
    if (!event) return this.goTo(rounded(Math.min(this.duration, Math.max(0, this.cursor + step))));
    const now = shiftKey ? resized(event, "offset", Math.max(event.onset, event.offset + step), this.duration)
      : moved(event, step, this.duration);
    this.commit([{ from: event, to: now }], now, true);
    this.view.reveal(now.onset, now.offset);
  }

  useClass(index) { if (index < this.classes.length) this.useLabel(this.classes[index]); }

  useLabel(label) {
    this.#context.knowClasses([label]);
    this.#findClasses();
    currentClass = this.currentClass = label;
    const event = this.#selectedLabel();
    if (event) {
      const now = { ...event, label };
      this.commit([{ from: event, to: now }], now);
    } else if (this.selected) this.#takeAs(label);
    else this.#showSelection();
  }

  typeClass() { this.controls.newClass.focus(); }

  split() {
    const at = this.#here, isAround = ({ onset, offset }) => onset < at && at < offset;
    const event = this.#selectedLabel() || this.labels.events.find(isAround);
    const changes = event && splitAt(event, at);
    if (changes) this.commit(changes, changes[1].to);
    else this.say("Click inside of a label first: it is split at the cursor.");
  }

  merge() {
    const event = this.#selectedLabel(), changes = event && mergedWithNext(this.labels.events, event);
    if (changes) this.commit(changes, changes[0].to);
    else if (event) this.say("No label of this class follows.");
    else this.say("Select a label first: it is merged with the next one of its class.");
  }

  async snap() {
    const event = this.#selectedLabel();
    if (!event) return this.say("Select a label first: its onset is moved to where the sound rises.");
    try {
      const { onset } = await this.api.get("rise", { recording: this.recording, at: event.onset });
      if (onset === null) return this.say("The sound does not rise near this onset.");
      const now = onset < event.offset ? resized(event, "onset", onset, this.duration)
        : moved(event, onset - event.onset, this.duration);
      if (this.labels.find(event)) this.commit([{ from: event, to: now }], now);
    } catch (error) {
      this.say(error.message);
    }
  }

  remove() {
    if (!this.selected) return;
    const { event, ghost } = this.selected;
    this.selected = null;
    if (ghost) {
      const dropped = this.ghosts.find((each) => same(each, event));
      this.#removed.push(dropped);
      this.showGhosts(this.#proposed);
      for (const act of this.#dropped) act(dropped);
    } else this.commit([{ from: event, to: null }]);
  }

  takeGhost() { if (this.selected?.ghost) this.#takeAs(this.selected.event.label); }

  #takeAs(label) {
    const { event } = this.selected, now = between(event.onset, event.offset, label, this.duration);
    this.commit([{ from: null, to: now }], now);
  }

  undo() { this.#step(this.labels.undo(), "Nothing to undo."); }
  redo() { this.#step(this.labels.redo(), "Nothing to do again."); }

  #step(changes, nothing) {
    if (!changes) return this.labels.canUndo || this.labels.canRedo ? undefined : this.say(nothing);
    const shown = changes.map(({ to }) => to).find((to) => to);
    if (shown) this.select(shown, false);
    else this.#showSelection();
  }

  // Says that all of the recording was listened to, or takes that back.
  async toggleState() {
    const isDone = ["empty", "corrected"].includes(this.#info.state);
    const state = this.labels.events.length ? (isDone ? "labelled" : "corrected") : isDone ? "unlabelled" : "empty";
    try {
      await this.api.post("recordings/state", { recording: this.recording, state });
      this.#info = { ...this.#info, state };
      this.controls.showInfo(this.#info, this.labels.events.length);
      await this.labels.reload();
    } catch (error) {
      this.say(error.message);
    }
  }
}
