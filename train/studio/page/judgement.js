// A detector beside the one before, its mistakes, and its thresholds.
import { element } from "./dom.js";
import { choice, follow, RunStatus } from "./run_status.js";
import { Threshold } from "./threshold.js";

const VERDICTS = { better: "better", worse: "worse", equal: "equal", unclear: "cannot tell" };

// Shows the view in `container`, with the detector of "#judge/NAME" chosen; returns a function that ends it.
export async function open(container, context, to) {
  const view = new Judgement(container, context, to?.recording);
  const following = follow(() => view.load());
  view.changed = following.again;
  const stop = context.api.onChange(({ kind }) => { if (kind === "back") following.again(); });
  await following.again();
  return () => {
    stop();
    following.close();
  };
}

class Judgement {
  changed = () => {};
  #context; #wanted; #status = {}; #shownResult = ""; #run = new RunStatus();
  #detector = choice("detector", "Detector");
  #before = choice("before", "Beside");
  #begin = element("button", { type: "submit", className: "main" }, "Judge");
  #form;
  #result = element("div", { className: "result" });

  constructor(container, context, wanted) {
    this.#context = context;
    this.#wanted = wanted;
    this.#form = element("form", { className: "card fields", onsubmit: (event) => this.#submit(event) },
      this.#detector.element, this.#before.element, this.#begin);
    container.append(element("h1", {}, "Judge a detector"), this.#form, this.#run.element, this.#result);
  }

  // Shows how far the judgement is, and its result; returns its state.
  async load() { return this.#show(await this.#context.api.get("judgement")); }

  async #show(status) {
    const { state, detector, detectors } = this.#status = status;
    this.#run.show(status, {
      running: `Judging ${detector}`,
      stopped: "The judgement has stopped; start it again.",
      finished: `${detector} was judged.`,
      failed: `${detector} could not be judged`,
    });
    this.#detector.set(detectors.map((each) => [each, each]), this.#wanted || detector);
    this.#before.set([["", "no other detector"], ...detectors.map((each) => [each, each])], status.before ?? this.#other(detectors));
    this.#begin.disabled = state === "running" || !detectors.length;
    this.#begin.title = detectors.length ? "" : "There is no detector yet: train one first";
    const result = state === "finished" ? JSON.stringify(status.result) : "";
    if (result !== this.#shownResult) await this.#showResult(status);
    this.#shownResult = result;
    return state;
  }

  #other(detectors) { return detectors.find((each) => each !== (this.#wanted || detectors[0])) || ""; }

  async #submit(event) {
    event.preventDefault();
    const before = this.#before.value === this.#detector.value ? "" : this.#before.value;
    await this.#show(await this.#context.api.post("judgement/start", { detector: this.#detector.value, before }));
    this.changed();
  }

  async #showResult(status) {
    const { result, detector } = status;
    if (!result) return this.#result.replaceChildren();
    const { comparison } = result;
    this.#result.replaceChildren(
      ...(comparison ? [element("p", { className: "summary" }, comparison.summary)] : []),
      ...this.#remarks(result),
      figures(result),
      await this.#mistakes(detector),
      ...await this.#thresholds(status),
      element("h2", {}, "Listen with it"),
      element("p", {}, "On a machine with a microphone, this hears with it and serves its live page: ",
        element("code", {}, `stapes listen ${detector} --web`)),
    );
  }

  #remarks({ warning, comparison, split, figures: { events } }) {
    const texts = [`Judged on ${events.n_recordings} recordings of ${split}, ${(60 * events.hours).toFixed(1)} minutes.`, warning];
    if (comparison?.left_out.length) {
      texts.push(`${comparison.left_out.length} recordings are left out of the comparison, because one of the two was trained on them: ${comparison.left_out.join(", ")}.`);
    }
    if (comparison?.warning) texts.push(`The one before: ${comparison.warning}.`);
    for (const [classes, who] of [[comparison?.only_now, "the new one"], [comparison?.only_before, "the one before"]]) {
      if (classes?.length) texts.push(`Only ${who} knows ${classes.join(", ")}.`);
    }
    return texts.filter(Boolean).map((text) => element("p", { className: "dim" }, text));
  }

  async #mistakes(detector) {
    const items = await this.#context.api.get("judgement/mistakes");
    const button = (title, part) => element("button", {
      type: "button", disabled: !part.length, onclick: () => this.#context.editQueue(part, `${title} of ${detector}`),
    }, `${title} (${part.length})`);
    return element("section", {},
      element("h2", {}, "Mistakes, the worst first"),
      element("p", { className: "dim" }, "Some are mistakes of the labels: correct those, and the next training is better."),
      element("p", { className: "buttons" }, button("All mistakes", items),
        button("Missed events", items.filter(({ kind }) => kind === "missed")),
        button("False alarms", items.filter(({ kind }) => kind === "false"))));
  }

  async #thresholds({ thresholds, detector }) {
    const { api } = this.#context;
    const save = element("button", { type: "button", className: "main", disabled: true }, "Save thresholds");
    const said = element("p", { role: "status" });
    const parts = await Promise.all(Object.entries(thresholds).map(async ([label, now]) =>
      new Threshold(label, now, await api.get("judgement/curve", { class: label }), () => {
        save.disabled = !parts.some((part) => part.isChanged);
      })));
    save.onclick = async () => {
      const changed = Object.fromEntries(parts.filter((part) => part.isChanged).map((part) => [part.label, part.value]));
      const saved = await api.post("judgement/thresholds", changed);
      for (const part of parts) part.now = saved[part.label];
      save.disabled = true;
      said.textContent = `Saved in ${detector}. The figures above are those of the thresholds before: judge it again.`;
    };
    return [
      element("h2", {}, "Thresholds"),
      element("p", { className: "dim" }, "A higher threshold raises fewer false alarms and misses more. What is chosen here looks better on these recordings than on others."),
      element("div", { className: "thresholds" }, ...parts.map((part) => part.element)),
      element("p", { className: "buttons" }, save), said,
    ];
  }
}

// The table of figures by class, beside those of the detector before if there is one.
function figures({ figures: { events, alarms, alarms_per_hour: all }, comparison }) {
  const headings = ["class", "labelled", "precision", "recall", "F1 by onset", "false alarms per hour"];
  if (comparison) headings.push("F1 before", "difference", "false alarms before", "difference");
  const rows = Object.entries(events.classes).map(([label, one]) => [
    [label], [one.n_reference], [number(one.precision)], [number(one.recall)], [estimate(one.f1_onset)],
    [number(alarms[label].per_hour, 1)], ...(comparison ? changes(comparison.differences.classes[label]) : []),
  ]);
  rows.push([["all classes"], [""], [""], [""], [estimate(events.macro_f1_onset)], [estimate(all, 1)],
    ...(comparison ? changes({ f1_onset: comparison.differences.macro_f1_onset, false_alarms_per_hour: comparison.differences.false_alarms_per_hour }) : [])]);
  const cell = ([text, className = ""], index) => element(index ? "td" : "th", { className, ...(index ? {} : { scope: "row" }) }, String(text));
  return element("div", { className: "card figures" }, element("table", {},
    element("caption", {}, "In brackets: 95 % intervals"),
    element("thead", {}, element("tr", {}, ...headings.map((text) => element("th", { scope: "col" }, text)))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map(cell))))));
}

function changes(compared) {
  if (!compared) return [["-"], ["-"], ["-"], ["-"]];
  const pair = (change, digits) => [[number(change.before, digits)],
    [`${estimate(change.difference, digits, true)} ${VERDICTS[change.verdict]}`, change.verdict]];
  return [...pair(compared.f1_onset, 2), ...pair(compared.false_alarms_per_hour, 1)];
}

function number(value, digits = 2, signed = false) {
  return value === null || value === undefined ? "-" : `${signed && value >= 0 ? "+" : ""}${value.toFixed(digits)}`;
}

function estimate({ value, low, high }, digits = 2, signed = false) {
  if (value === null) return "-";
  return low === null ? number(value, digits, signed) : `${number(value, digits, signed)} (${number(low, digits, signed)} to ${number(high, digits, signed)})`;
}
