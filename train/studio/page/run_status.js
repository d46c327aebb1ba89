// How far a process of the server is: a bar, the time that is left, and what it has said.
import { element } from "./dom.js";

const EVERY_MS = 1000;

export class RunStatus {
  #bar = element("progress", { max: 1, "aria-label": "progress" });
  #said = element("p", { role: "status", className: "said" });
  #task = element("p", { className: "dim" });
  #lines = element("ol", { className: "lines" });
  #details = element("details", {}, element("summary", {}, "What it says"), this.#lines);
  element = element("div", { className: "run" }, this.#said, this.#bar, this.#task, this.#details);

  // words: of every state, {running: "Training dogs.stapes", ...}; status: the server's answer.
  show(status, words) {
    const { state, progress, error, lines } = status;
    this.element.hidden = state === "idle";
    const said = state === "failed" && error ? `${words[state]}: ${error}` : words[state] || "";
    if (this.#said.textContent !== said) this.#said.textContent = said;  // a screen reader says what is new
    this.#said.classList.toggle("bad", state === "failed");
    this.#bar.hidden = state !== "running";
    if (progress) this.#bar.value = progress.done / progress.of;
    else this.#bar.removeAttribute("value");
    const left = progress?.seconds_left == null ? "" : `, ${duration(progress.seconds_left)} left${progress.of_all ? " in all" : " of this part"}`;
    this.#task.textContent = progress ? `${progress.task} ${progress.done} of ${progress.of}${left}. ${progress.detail}` : "";
    this.#task.hidden = state !== "running";
    this.#details.hidden = !lines?.length;
    this.#lines.replaceChildren(...(lines || []).map(({ kind, text }) => element("li", { className: kind }, text)));
  }
}

// 75 -> "1 minute", 40 -> "40 seconds"
export function duration(seconds) {
  const [number, unit] = seconds < 60 ? [Math.round(seconds), "second"] : seconds < 5400 ? [Math.round(seconds / 60), "minute"]
    : [Math.round(seconds / 360) / 10, "hour"];
  return `${number} ${unit}${number === 1 ? "" : "s"}`;
}

// Calls load() every second while the state that it returns is "running", and again when `again()` is called.
export function follow(load) {
  let timer = 0, isOpen = true;
  async function again() {
    clearTimeout(timer);
    let state = "running";  // the server may be away for a moment
    try {
      state = await load();
    } catch (error) {
      if (error.status) throw error;
    }
    if (isOpen && state === "running") timer = setTimeout(again, EVERY_MS);
  }
  return { again, close() { isOpen = false; clearTimeout(timer); } };
}

// A select with its label in one element: {element, value, set(values, chosen)}; values: [[value, text], ...].
export function choice(name, title) {
  const select = element("select", { name });
  return {
    element: element("label", { className: "field" }, title, select),
    select,
    get value() { return select.value; },
    set(values, chosen) {
      const before = select.value || chosen;
      select.replaceChildren(...values.map(([value, text]) => element("option", { value }, text)));
      select.value = values.some(([value]) => value === before) ? before : (values[0] || [""])[0];
    },
  };
}
