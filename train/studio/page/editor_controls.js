// The controls around the spectrogram: title, state of saving, queue, buttons, classes.
import { colourOf } from "./colours.js";
import { clock, element } from "./dom.js";

export class Controls {
  #editor; #classChips = element("div", { className: "chips", role: "group", "aria-label": "Class" });

  constructor(editor) {
    this.#editor = editor;
    this.saved = element("span", { className: "saved", role: "status" });
    this.message = element("p", { className: "message", role: "status", "aria-live": "polite", hidden: true });
    this.queue = element("div", { className: "queue", hidden: true, role: "group", "aria-label": "Queue" });
    this.extra = element("div", { className: "extra" });  // for the buttons of proposals
    this.where = element("output", { className: "where dim", "aria-label": "Cursor", "aria-live": "off" });
    this.state = element("button", { className: "state-button", hidden: true, onclick: () => editor.toggleState() });
    this.problems = element("ul", { className: "problems", "aria-label": "Problems of this recording" });
    this.newClass = this.#classInput();
    this.head = this.#makeHead();
    this.buttons = this.#makeButtons();
    this.classes = element("div", { className: "classes" }, this.#classChips, this.newClass);
    // After a click the keys belong to the spectrogram again; who presses a button by key stays there.
    const focus = (event) => { if (event.detail > 0 && event.target.closest("button")) editor.focus(); };
    for (const part of [this.buttons, this.#classChips]) part.addEventListener("click", focus);
    this.showSelection();  // while the labels are read, there is nothing to take, split or remove
  }

  #makeHead() {
    const editor = this.#editor;
    const neighbour = (step, text, title) =>
      element("button", { onclick: () => editor.stepRecording(step), title, "aria-label": title }, text);
    return element("div", { className: "editor-head" },
      element("a", { href: "#recordings", className: "button" }, "\u2039 Recordings"),
      element("h1", {}, editor.recording), this.saved, this.state,
      neighbour(-1, "\u2191", "the recording before"), neighbour(1, "\u2193", "the next recording"),
      element("button", { onclick: () => editor.toggleHelp(), title: "all keys (?)", "aria-label": "all keys" }, "?"));
  }

  #makeButtons() {
    const editor = this.#editor;
    const button = (text, keys, act, properties = {}) =>
      element("button", { onclick: () => act(), title: keys, "aria-keyshortcuts": keys, ...properties }, text);
    const gap = () => element("span", { className: "gap" });
    this.play = button("Play", "Space", () => editor.togglePlay(), { className: "main" });
    this.loop = button("Loop", "l", () => editor.toggleLoop(), { "aria-pressed": "false" });
    this.half = button("Half speed", "h", () => editor.toggleHalfSpeed(), { "aria-pressed": "false" });
    this.undo = button("Undo", "Control+Z", () => editor.undo());
    this.redo = button("Redo", "Control+Shift+Z", () => editor.redo());
    this.remove = button("Remove", "Delete", () => editor.remove());
    this.ofLabel = [button("Split", "s", () => editor.split()), button("Merge", "m", () => editor.merge()),
      button("Snap", "a", () => editor.snap())];
    this.take = button("Take", "Enter", () => editor.takeGhost());
    return element("div", { className: "toolbar", role: "toolbar", "aria-label": "Editing" },
      this.play, this.loop, this.half,
      gap(), button("\u2212", "-", () => editor.zoom(2), { "aria-label": "zoom out" }),
      button("+", "+", () => editor.zoom(0.5), { "aria-label": "zoom in" }),
      gap(), ...this.ofLabel, this.remove, this.take,
      gap(), this.undo, this.redo, this.extra, this.where);
  }

  #classInput() {
    const input = element("input", { placeholder: "another class \u2026", "aria-label": "Type a class, then Enter",
      maxLength: 200, autocomplete: "off" });
    input.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#editor.focus();
      if (event.key !== "Enter") return;
      event.preventDefault();
      const label = input.value.trim().replace(/\s+/g, " ");
      input.value = "";
      this.#editor.focus();
      if (label) this.#editor.useLabel(label);
    });
    return input;
  }

  say(sentence) {
    this.message.textContent = sentence;
    this.message.hidden = !sentence;
  }

  showSaved({ length, isAway }) {
    const waiting = `${length} ${length === 1 ? "change waits" : "changes wait"}`;
    this.saved.textContent = !length ? "saved" : isAway ? `the server cannot be reached; ${waiting}` : "saving \u2026";
    this.saved.className = `saved ${!length ? "" : isAway ? "away" : "busy"}`;
  }

  showQueue(queue) {
    this.queue.hidden = !queue;
    if (!queue) return;
    const { title, items, index } = queue, editor = this.#editor, note = items[index].note;
    this.queue.replaceChildren(
      element("strong", {}, `${index + 1} of ${items.length}`), element("span", {}, title + (note ? `: ${note}` : "")),
      element("button", { onclick: () => editor.stepQueue(-1), disabled: index === 0, title: "p" }, "Previous"),
      element("button", { onclick: () => editor.stepQueue(1), disabled: index + 1 === items.length, title: "n" }, "Next"),
      element("button", { onclick: () => editor.closeQueue(), "aria-label": "leave the queue" }, "\u00d7"));
  }

  showClasses() {
    const editor = this.#editor, current = editor.selected?.event.label ?? editor.currentClass;
    this.#classChips.replaceChildren(...editor.classes.map((label, index) => {
      const patch = element("i", {}), key = index < 9 ? element("kbd", {}, String(index + 1)) : null;
      patch.style.background = colourOf(editor.classes, label);
      const properties = { onclick: () => editor.useLabel(label), "aria-pressed": String(label === current) };
      return element("button", properties, patch, label, key);
    }));
  }

  showSelection() {
    const { selected, labels } = this.#editor;
    this.remove.disabled = !selected;
    for (const button of this.ofLabel) button.disabled = !selected || selected.ghost;
    this.take.hidden = !selected?.ghost;
    [this.undo.disabled, this.redo.disabled] = [!labels.canUndo, !labels.canRedo];
  }

  showInfo({ state, problems }, count) {
    this.state.hidden = false;
    this.state.textContent = count ? (state === "corrected" ? "Corrected. Take back" : "All corrected")
      : state === "empty" ? "No event in it. Take back" : "There is no event in it";
    this.state.title = `I have listened to all of it, and ${count ? "every label is right" : "it has no event"}`;
    this.problems.replaceChildren(...problems.map(({ text, place, severity }) =>
      element("li", { className: severity }, place ? `${place}: ${text}` : text)));
  }

  showPlaying({ isPlaying, isLooping, speed }) {
    this.play.textContent = isPlaying ? "Stop" : "Play";
    this.loop.setAttribute("aria-pressed", String(isLooping));
    this.half.setAttribute("aria-pressed", String(speed !== 1));
  }

  showWhere(seconds) { this.where.textContent = clock(seconds, 3); }
}
