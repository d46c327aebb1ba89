// The threshold of one class: a slider, and what its recordings say of each place of it.
import { lineChart } from "./chart.js";
import { element } from "./dom.js";

const percent = (share) => (share === null ? "-" : `${Math.round(100 * share)} %`);

export class Threshold {
  #curve; #now; #changed;
  #slider; #said = element("output"); #chart = element("div");
  element;

  // now: the threshold of the detector, null for a silent class; curve: of the server; changed(): the slider has moved.
  constructor(label, now, curve, changed) {
    this.label = label;
    [this.#curve, this.#now, this.#changed] = [curve, now, changed];
    this.#slider = element("input", {
      type: "range", min: 0, max: curve.length - 1, step: 1, "aria-label": `threshold of ${label}`, oninput: () => this.#moved(),
    });
    this.#slider.value = this.#nearest(now ?? 1);
    this.element = element("fieldset", { className: "card threshold" }, element("legend", {}, label), this.#slider, this.#said, this.#chart);
    this.#show();
  }

  get value() { return this.#point.threshold; }

  get isChanged() { return Number(this.#slider.value) !== this.#nearest(this.#now ?? 1); }

  // The detector's threshold was saved.
  set now(now) {
    this.#now = now;
    this.#show();
  }

  get #point() { return this.#curve[Number(this.#slider.value)]; }

  #nearest(threshold) {
    const distances = this.#curve.map((point) => Math.abs(point.threshold - threshold));
    return distances.indexOf(Math.min(...distances));
  }

  #moved() {
    this.#show();
    this.#changed();
  }

  #show() {
    const { threshold, precision, recall, false_alarms_per_hour: alarms } = this.#point;
    const found = precision === null ? "detects nothing"
      : `finds ${percent(recall)}, ${percent(precision)} of what is detected is right, ${alarms === null ? "-" : alarms.toFixed(1)} false alarms per hour`;
    const text = `${threshold.toFixed(2)}: ${found}`;
    this.#said.textContent = `${text}${this.isChanged ? "" : this.#now === null ? " (now silent)" : " (as it is now)"}`;
    this.#slider.setAttribute("aria-valuetext", text);
    this.#chart.replaceChildren(lineChart({
      title: "Precision", xName: "recall", x: [0, 1], y: [0, 1], mark: [recall, precision],
      lines: [{ name: "precision", className: "phase0", points: this.#curve.map((point) => [point.recall, point.precision]) }],
    }));
  }
}
