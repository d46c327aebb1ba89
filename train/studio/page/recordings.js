// The list of recordings: state, length, labels, problems; filter and search. It stays quick with thousands of them.
import { colourOf } from "./colours.js";
import { clock, element } from "./dom.js";
import { VirtualTable } from "./virtual_table.js";

const STATES = ["unlabelled", "labelled", "empty", "corrected"];
const STATE_TEXTS = { unlabelled: "not labelled", labelled: "labelled", empty: "no event in it", corrected: "corrected" };
const ROW_PX = 44;
const BY = {
  name: (a, b) => collator.compare(a.recording, b.recording),
  longest: (a, b) => b.seconds - a.seconds,
  "most labels": (a, b) => labelCount(b) - labelCount(a),
  "most problems": (a, b) => b.problems.length - a.problems.length,
};
const collator = new Intl.Collator(undefined, { numeric: true });
const kept = { text: "", state: "", label: "", problems: false, by: "name", top: 0 };  // for the way back from the editor

export async function open(container, context) {
  const list = new RecordingList(container, context);
  const stop = context.api.onChange(({ kind }) => { if (["recordings", "labels", "back"].includes(kind)) list.loadSoon(); });
  await list.load();
  list.restore();
  return () => {
    stop();
    list.close();
  };
}

class RecordingList {
  #context; #all = []; #timer = 0;

  constructor(container, context) {
    this.#context = context;
    this.summary = element("p", { className: "dim", role: "status" });
    this.table = new VirtualTable({
      caption: "Recordings", rowHeight: ROW_PX, columns: this.#columns(),
      opened: ({ recording }) => context.go(`#edit/${encodeURIComponent(recording)}`),
    });
    this.empty = element("p", { className: "none", hidden: true });
    this.table.element.classList.add("recordings");
    this.problems = element("details", { className: "problems", hidden: true });
    container.append(element("h1", { className: "unseen" }, "Recordings"), this.#filters(), this.summary, this.problems,
      element("div", { className: "card" }, this.table.element, this.empty));
  }

  close() {
    clearTimeout(this.#timer);
    kept.top = this.table.element.scrollTop;
  }

  restore() { this.table.element.scrollTop = kept.top; }

  loadSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.load().catch(() => {}), 300);
  }

  async load() {
    this.#all = await this.#context.api.get("recordings");
    const labels = new Set(this.#all.flatMap(({ counts }) => Object.keys(counts)));
    choices(this.label, "any class", [...labels].sort(collator.compare), kept.label);
    this.#showProblems(this.#context.dataset.problems || []);
    this.show();
  }

  // The problems of the dataset that belong to no single recording.
  #showProblems(problems) {
    this.problems.hidden = !problems.length;
    const places = new Map();  // of each problem: many files often have the same one
    for (const problem of problems) places.set(problem.text, [...(places.get(problem.text) || []), problem]);
    this.problems.replaceChildren(
      element("summary", {}, places.size === 1 ? "A problem of the dataset" : `${places.size} problems of the dataset`),
      element("ul", {}, ...[...places].map(([text, where]) =>
        element("li", { className: where[0].severity }, `${listed(where)}${text}`))));
  }

  #filters() {
    const changed = (name, of = "value") => (event) => { kept[name] = event.target[of]; this.show(); };
    const search = element("input", { type: "search", placeholder: "Search by name", "aria-label": "Search by name",
      value: kept.text, oninput: changed("text") });
    const state = element("select", { "aria-label": "State", onchange: changed("state") });
    choices(state, "any state", STATES, kept.state, STATE_TEXTS);
    this.label = element("select", { "aria-label": "Class", onchange: changed("label") });
    const by = element("select", { "aria-label": "Order", onchange: changed("by") });
    for (const order of Object.keys(BY))
      by.append(element("option", { value: order, selected: order === kept.by }, `by ${order}`));
    const problems = element("input", { type: "checkbox", checked: kept.problems, onchange: changed("problems", "checked") });
    return element("form", { className: "filters", role: "search", onsubmit: (event) => event.preventDefault() },
      search, state, this.label, by, element("label", {}, problems, " with problems"));
  }

  #columns() {
    return [
      { title: "recording", className: "name", fill: (cell, item) => this.#fillName(cell, item) },
      { title: "state", fill: (cell, { state }) =>
        cell.append(element("span", { className: `state ${state}` }, STATE_TEXTS[state] || state)) },
      { title: "length", className: "number", fill: (cell, { seconds }) => { cell.textContent = clock(seconds); } },
      { title: "part", className: "wide", fill: (cell, { part }) => { cell.textContent = part; } },
      { title: "labels", className: "counts", fill: (cell, item) => this.#fillCounts(cell, item) },
      { title: "problems", className: "problems wide", fill: fillProblems },
    ];
  }

  #fillName(cell, { recording }) {
    // A link, so that the browser's own "open in a new tab" works.
    cell.append(element("a", { href: `#edit/${encodeURIComponent(recording)}`, title: recording, tabIndex: -1 }, recording));
  }

  #fillCounts(cell, { counts }) {
    const { classes } = this.#context.dataset;
    for (const [label, count] of Object.entries(counts).sort(([a], [b]) => classes.indexOf(a) - classes.indexOf(b))) {
      const patch = element("i", {});
      patch.style.background = colourOf(classes, label);
      cell.append(element("span", { className: "count", title: `${label}: ${count}` }, patch, `${label} ${count}`));
    }
  }

  show() {
    const text = kept.text.trim().toLowerCase();
    const shown = this.#all.filter((item) => (!text || item.recording.toLowerCase().includes(text))
      && (!kept.state || item.state === kept.state) && (!kept.label || item.counts[kept.label])
      && (!kept.problems || item.problems.length)).sort(BY[kept.by]);
    this.table.show(shown);
    this.table.table.hidden = !shown.length;
    this.table.table.classList.toggle("sound", !shown.some(({ problems }) => problems.length));
    this.empty.hidden = shown.length > 0;
    this.empty.replaceChildren(...(this.#all.length ? ["No recording is like that."]
      : ["There is no recording in this folder yet. ", element("a", { href: "#visit" }, "Record or drop some.")]));
    this.summary.textContent = summary(shown, this.#all);
  }
}

// "a.txt and 3 more: "
function listed(places) {
  const [{ place }] = places;
  return place ? `${place}${places.length > 1 ? ` and ${places.length - 1} more` : ""}: ` : "";
}

const labelCount = ({ counts }) => Object.values(counts).reduce((sum, count) => sum + count, 0);

function summary(shown, all) {
  const seconds = shown.reduce((sum, item) => sum + item.seconds, 0);
  const done = shown.filter(({ state }) => state !== "unlabelled").length;
  const which = shown.length === all.length ? `${all.length} recordings` : `${shown.length} of ${all.length} recordings`;
  return `${which}, ${clock(seconds)} in all; ${done} labelled, ${shown.length - done} not yet.`;
}

function fillProblems(cell, { problems }) {
  if (!problems.length) return;
  const [first] = problems, more = problems.length > 1 ? ` (+${problems.length - 1})` : "";
  cell.title = problems.map(({ text }) => text).join("\n");
  cell.append(element("span", { className: `problem ${first.severity}` }, first.text + more));
}

function choices(select, any, values, chosen, texts = {}) {
  const all = values.includes(chosen) || !chosen ? values : [...values, chosen];
  select.replaceChildren(element("option", { value: "" }, any),
    ...all.map((value) => element("option", { value, selected: value === chosen }, texts[value] || value)));
}
