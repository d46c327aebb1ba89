// Proposals as ghosts in the editor: Enter takes one, Delete drops it. Next doubtful and most alike fill its queue.
import { element, isTyping } from "./dom.js";

const COUNT = 20;
const MARGIN_S = 30;  // proposals are asked for this much beyond the screen
const NEAR_S = 0.01;

// Follows an editor; returns a function that ends it.
export function attach(editor) {
  const proposals = new Proposals(editor);
  return () => proposals.close();
}

class Proposals {
  #editor; #asked = null; #timer = 0; #ends = []; #isClosed = false; #chosen = "";

  constructor(editor) {
    this.#editor = editor;
    const { api } = editor;
    this.doubtful = element("button", { onclick: () => this.#queue("doubtful", {}, "Next doubtful"), title: "d", "aria-keyshortcuts": "d" }, "Next doubtful");
    this.alike = element("button", { onclick: () => this.#mostAlike(), title: "k", "aria-keyshortcuts": "k" }, `${COUNT} most alike`);
    this.state = element("span", { className: "dim", role: "status" });
    editor.bar.append(this.doubtful, this.alike, this.state);
    const down = (event) => this.#pressed(event);
    document.addEventListener("keydown", down);
    this.#ends = [() => document.removeEventListener("keydown", down), api.onChange((message) => this.#noticed(message))];
    editor.onView(() => this.#viewed());
    editor.onDrop((ghost) => this.#drop(ghost));
    this.#ask(() => api.post("proposals/prepare").then(({ left }) => this.#showLeft(left)));
  }

  close() {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const end of this.#ends) end();
  }

  #pressed(event) {
    if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.key === "d") this.doubtful.click();
    else if (event.key === "k") this.alike.click();
  }

  #noticed({ kind, recording, left }) {
    if (kind === "proposals") this.#showLeft(left);
    if (kind === "back" || (kind === "proposals" && (recording === this.#editor.recording || !left))
      || (kind === "labels" && recording === this.#editor.recording)) this.#loadSoon();
  }

  #showLeft(left) { this.state.textContent = left ? `listening to ${left} more ${left === 1 ? "recording" : "recordings"} \u2026` : ""; }

  #viewed() {
    const { from, until } = this.#editor.view;
    if (!this.#asked || from < this.#asked.from || until > this.#asked.until) this.#loadSoon();
    else this.#chooseAsked();
  }

  #loadSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(() => this.#load()), 100);
  }

  async #load() {
    const { api, recording, view } = this.#editor;
    this.#asked = { from: Math.max(0, view.from - MARGIN_S), until: view.until + MARGIN_S };
    const ghosts = await api.get("proposals", { recording, ...this.#asked });
    if (this.#isClosed) return;
    this.#editor.showGhosts(ghosts);
    this.#chooseAsked();
  }

  // What a queue asks for and is no label yet is selected, so that Enter takes it.
  #chooseAsked() {
    const parameters = new URLSearchParams(location.hash.split("?")[1] || ""), at = Number(parameters.get("at"));
    if (!parameters.has("at") || this.#chosen === location.hash || this.#editor.selected) return;
    const ghost = this.#editor.ghosts.find(({ onset }) => Math.abs(onset - at) < NEAR_S);
    if (!ghost) return;
    this.#chosen = location.hash;
    this.#editor.select(ghost, true);
  }

  #drop({ onset, offset, label }) {
    this.#ask(() => this.#editor.api.post("proposals/drop", { recording: this.#editor.recording, onset, offset, label }));
  }

  #mostAlike() {
    const event = this.#editor.selected?.event;
    if (!event) return this.#editor.say("Select a label or a proposal first: what sounds like it comes next.");
    const { onset, offset, label } = event;
    this.#queue("alike", { recording: this.#editor.recording, onset, offset }, `Like this ${label}`);
  }

  #queue(path, query, title) {
    this.#ask(async () => {
      const items = await this.#editor.api.get(path, { ...query, count: COUNT });
      if (this.#isClosed) return;
      if (items.length) this.#editor.editQueue(items, title);
      else this.#editor.say(this.state.textContent ? "Nothing yet; the recordings are still being listened to." : "Nothing is left to ask about.");
    });
  }

  #ask(act) { act().catch((error) => { if (!this.#isClosed) this.#editor.say(error.message); }); }
}
