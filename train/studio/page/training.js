// Training, started and followed.
import { lineChart } from "./chart.js";
import { element } from "./dom.js";
import { choice, follow, RunStatus } from "./run_status.js";

// Shows the view in `container`; returns a function that ends it.
export async function open(container, context) {
  const view = new Training(container, context);
  const following = follow(() => view.load());
  view.changed = following.again;
  const stop = context.api.onChange(({ kind }) => { if (kind === "training" || kind === "back") following.again(); });
  await following.again();
  return () => {
    stop();
    following.close();
  };
}

class Training {
  changed = () => {};
  #context; #status = {}; #run = new RunStatus();
  #out = element("input", { name: "out", required: true, autocomplete: "off", spellcheck: false });
  #start = choice("start", "Begin with");
  #size = choice("size", "Size of the network");
  #settings = choice("settings", "Settings");
  #begin = element("button", { type: "submit", className: "main" }, "Train");
  #goOn = element("button", { type: "button", className: "main", onclick: () => this.#goOnNow() }, "Go on");
  #stop = element("button", { type: "button", onclick: () => this.#post("training/stop", {}) }, "Stop");
  #judge = element("button", { type: "button", className: "main", onclick: () => this.#judgeNow() }, "Judge it");
  #propose = element("button", { type: "button", onclick: () => this.#proposeNow() }, "Let it propose labels");
  #command = element("code");
  #folder = element("span");
  #form;
  #curves = element("div", { className: "charts" });

  constructor(container, context) {
    this.#context = context;
    const name = element("label", { className: "field" }, "Name of the detector", this.#out);
    this.#form = element("form", { className: "card fields", onsubmit: (event) => this.#submit(event) },
      name, this.#start.element, this.#size.element, this.#settings.element, this.#begin,
      element("p", { className: "dim note" }, "It is written to ", this.#folder, "."));
    this.#start.select.onchange = () => this.#showSize();
    const buttons = element("p", { className: "buttons" }, this.#stop, this.#goOn, this.#judge, this.#propose);
    const command = element("p", { className: "dim note" }, "The same in a terminal: ", this.#command);
    this.#run.element.append(command);
    container.append(element("h1", {}, "Train a detector"), this.#form, this.#run.element, buttons, this.#curves);
  }

  // Shows how far the training is; returns its state.
  async load() { return this.#show(await this.#context.api.get("training")); }

  #show(status) {
    const { state, out, choices, curve } = this.#status = status;
    const isRunning = state === "running";
    this.#run.show(status, {
      running: `Training ${out}`,
      stopped: `The training of ${out} has stopped. It goes on where it was.`,
      finished: `${out} is trained.`,
      failed: `The training of ${out} failed`,
    });
    this.#command.textContent = status.command || "";
    this.#form.hidden = isRunning;
    this.#stop.hidden = !isRunning;
    this.#goOn.hidden = state !== "stopped";
    this.#judge.hidden = this.#propose.hidden = state !== "finished";
    this.#showChoices(choices);
    this.#curves.replaceChildren(...charts(curve));
    return state;
  }

  #showChoices({ out, folder, sizes, detectors, settings }) {
    if (!this.#out.value || this.#out.value === this.#out.defaultValue) this.#out.value = this.#out.defaultValue = out;
    this.#folder.textContent = folder;
    this.#start.set([["", "nothing: train anew"], ...detectors.map((each) => [each, `${each}: go on from its weights`])], "");
    this.#size.set([["", "usual (small)"], ...sizes.map((each) => [each, each])], "");
    this.#settings.set([["", "usual"], ...settings.map((each) => [each, each])], "");
    this.#settings.element.hidden = !settings.length;
    this.#start.element.hidden = !detectors.length;
    this.#showSize();
  }

  #showSize() {
    const goesOn = Boolean(this.#start.value);
    this.#size.select.disabled = goesOn;  // the network is that of the detector
    if (goesOn) this.#size.select.value = "";
  }

  #submit(event) {
    event.preventDefault();
    const options = { size: this.#size.value, start: this.#start.value, settings: this.#settings.value };
    return this.#post("training/start", { out: this.#out.value, options });
  }

  #goOnNow() { return this.#post("training/start", { out: this.#status.out, options: this.#status.options }); }

  #judgeNow() { this.#context.go(`#judge/${encodeURIComponent(this.#status.out)}`); }

  async #proposeNow() {
    await this.#context.api.post("proposals/detector", { detector: this.#status.out });
    this.#propose.textContent = "It proposes labels now";
  }

  async #post(path, body) {
    this.#show(await this.#context.api.post(path, body));
    this.changed();
  }
}

// The steps of a phase follow those of the phase before.
function charts(curve) {
  if (!curve?.length) return [];
  const lines = [];
  let first = 0;
  for (const phase of [...new Set(curve.map((check) => check.phase))]) {
    const checks = curve.filter((check) => check.phase === phase);
    lines.push({ name: phase, className: `phase${lines.length}`, checks: checks.map((check) => [first + check.step, check]) });
    first += checks.at(-1).step;
  }
  const of = (figure) => lines.map(({ checks, ...line }) => ({ ...line, points: checks.map(([step, check]) => [step, check[figure]]) }));
  const x = [0, first];
  return [
    lineChart({ title: "Mean loss", xName: "gradient step", lines: of("loss"), x }),
    lineChart({ title: "Average precision on val", xName: "gradient step", lines: of("precision"), x, y: [0, 1] }),
    element("p", { className: "dim" }, ...lines.flatMap(({ name, className }) => [element("i", { className }), `${name}  `])),
  ];
}
