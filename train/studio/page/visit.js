// The first visit: from an empty folder to a detector that listens, step by step. The server tells by the files what is done.
import { clock, element } from "./dom.js";
import { Microphone } from "./microphone.js";

const STEPS = {
  record: ["Record, or drop recordings", "Use the microphone and the place that the device will have. Record whole minutes with what happens between the sounds, too."],
  label: ["Label what is heard", "Open a recording and mark each sound from its beginning to its end. Proposals of what rises from the background are shown: Enter takes one, Delete drops it."],
  check: ["Check", "A detector is judged on recordings that it was not trained on, so two labelled recordings are the least, and three sessions a good start."],
  train: ["Train", "The page shows how long it will take. Training may be stopped, and goes on where it was."],
  judge: ["Judge", "The detector hears recordings that it was not trained on. Its mistakes come back to the editor, the worst first."],
  listen: ["Listen", "The detector hears a microphone. What it heard, and what it nearly heard, comes to the inbox for the next training."],
};
const QUIETEST_DB = -80;

export async function open(container, context) {
  const visit = new Visit(container, context);
  const stop = context.api.onChange(() => visit.loadSoon());
  await visit.load();
  return () => {
    stop();
    visit.close();
  };
}

class Visit {
  #context; #timer = 0; #microphone = null; #items = {}; #isOpen = true;

  constructor(container, context) {
    this.#context = context;
    const list = element("ol", { className: "steps" });
    for (const [step, [title, text]] of Object.entries(STEPS)) list.append(this.#item(step, title, text));
    container.append(list);
  }

  close() {
    this.#isOpen = false;
    clearTimeout(this.#timer);
    this.#microphone?.end();
  }

  loadSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.load().catch(() => {}), 500);
  }

  // Shows what the files say now.
  async load() {
    const steps = await this.#context.api.get("steps");
    const next = steps.find(({ done }) => !done);
    for (const { step, done, text } of steps) {
      const { item, mark, said } = this.#items[step];
      item.classList.toggle("done", done);
      if (next?.step === step) item.setAttribute("aria-current", "step");
      else item.removeAttribute("aria-current");
      mark.textContent = done ? "done" : "";
      if (said.textContent !== text) said.textContent = text;  // a screen reader says what is new, and nothing twice
    }
  }

  #item(step, title, text) {
    const mark = element("span", { className: "mark" }), said = element("p", { className: "said", role: "status" });
    const item = element("li", { id: `step-${step}` },
      element("h2", {}, title, " ", mark), element("p", { className: "dim" }, text), said, this.#actions(step));
    this.#items[step] = { item, mark, said };
    return item;
  }

  #actions(step) {
    const { go, dataset } = this.#context;
    const button = (text, onclick) => element("button", { type: "button", onclick }, text);
    if (step === "record") return this.#intake();
    if (step === "label" || step === "check") return button("Show the recordings", () => go("#recordings"));
    if (step === "train") return button("Go to training", () => go("#train"));
    if (step === "judge") return button("Go to judgement", () => go("#judge"));
    const detector = dataset.detector?.path || "DETECTOR.stapes", clips = dataset.clips?.folder || "clips/";
    return element("div", {}, element("pre", {}, `stapes listen ${detector} --web 0 --record ${clips}`),
      button("Go to the inbox", () => go("#inbox")));
  }

  #intake() {
    const today = new Date().toLocaleDateString("sv");  // 2026-01-31
    this.session = element("input", { type: "text", value: today, id: "session", required: true, maxLength: 60 });
    this.button = element("button", { type: "button", className: "main", onclick: () => this.#record() }, "Record");
    this.meter = element("meter", { min: QUIETEST_DB, max: 0, high: -6, value: QUIETEST_DB, "aria-label": "Level of the microphone" });
    this.level = element("span", { className: "level" }, "");
    this.live = element("div", { className: "live", hidden: true }, this.meter, this.level);
    this.arrived = element("ul", { className: "arrived", "aria-label": "Recordings of this visit", "aria-live": "polite" });
    const chooser = element("input", { type: "file", multiple: true, id: "files", accept: "audio/*,.wav,.flac,.ogg,.oga,.opus,.mp3,.aif,.aiff,.w64,.caf,.au" });
    chooser.onchange = () => this.#take([...chooser.files]).then(() => { chooser.value = ""; });
    const zone = element("div", { className: "drop" },
      element("label", { htmlFor: "files" }, "Drop recordings here, or choose them: "), chooser);
    zone.ondragover = (event) => { event.preventDefault(); zone.classList.add("over"); };
    zone.ondragleave = () => zone.classList.remove("over");
    zone.ondrop = (event) => {
      event.preventDefault();
      zone.classList.remove("over");
      this.#take([...event.dataTransfer.files]);
    };
    return element("div", { className: "intake" },
      element("p", {}, element("label", { htmlFor: "session" }, "Session "), this.session),
      element("p", { className: "dim" }, "A session is one place or one day. All of its recordings are used for training, or all of them for judging."),
      element("div", { className: "record" }, this.button, this.live), zone, this.arrived);
  }

  async #record() {
    if (this.#microphone) {
      await this.#stopRecording();
      return;
    }
    this.button.disabled = true;
    try {
      const microphone = await Microphone.open((level) => this.#showLevel(level), () => this.#stopRecording());
      if (!this.#isOpen) {
        microphone.end();
        return;
      }
      this.#microphone = microphone;
      this.button.textContent = "Stop";
      this.live.hidden = false;
    } catch (error) {
      this.#arrive("microphone").fail(error.message);
    } finally {
      this.button.disabled = false;
    }
  }

  async #stopRecording() {
    const microphone = this.#microphone;
    if (!microphone) return;
    this.#microphone = null;
    this.button.disabled = true;
    const sound = await microphone.end();
    [this.button.textContent, this.button.disabled, this.live.hidden] = ["Record", false, true];
    const now = new Date(), time = now.toLocaleTimeString("sv").replaceAll(":", "");
    const file = new File([sound], `microphone-${now.toLocaleDateString("sv")}-${time}.wav`);
    const warning = microphone.isClipped ? "It was too loud in places: move the microphone away, or turn it down." : "";
    await this.#take([file], warning);
  }

  #showLevel({ decibels, isClipped, seconds }) {
    this.meter.value = decibels;
    this.level.textContent = `${clock(seconds)}  ${Math.round(decibels)} dB${isClipped ? "  too loud" : ""}`;
  }

  // Sends files one after the other, so that each has all of the line.
  async #take(files, warning = "") {
    for (const file of files) await this.#send(file, this.session.value, warning);
    this.loadSoon();
  }

  async #send(file, session, warning) {
    const line = this.#arrive(file.name);
    try {
      const { recording, is_new: isNew, note } = await this.#upload(file, session);
      const texts = [isNew ? "" : "was there already", note, warning].filter((text) => text).join(" ");
      line.done(element("a", { href: `#edit/${encodeURIComponent(recording)}` }, recording), texts && ` ${texts}`);
    } catch (error) {
      line.fail(error.message, () => this.#send(file, session, warning), file);
    }
  }

  async #upload(file, session) {
    const headers = { "Content-Type": "application/octet-stream" };
    const init = { method: "POST", body: file, headers, signal: null };  // it takes as long as it takes
    const answer = await this.#context.api.fetch("upload", { name: file.name, session }, init);
    const body = await answer.json().catch(() => ({ error: `the server answers ${answer.status}` }));
    if (!answer.ok) throw new Error(body.error);
    return body;
  }

  // Adds a line about a file, to be completed when it is there or refused.
  #arrive(name) {
    const line = element("li", {}, `${name} …`);
    this.arrived.append(line);
    return {
      done: (...content) => line.replaceChildren(...content.filter((each) => each)),
      fail: (reason, again, file) => {
        line.className = "bad";
        line.replaceChildren(reason, ...(again ? [" ", retry(line, again), " ", keep(file)] : []));
      },
    };
  }
}

const retry = (line, again) => element("button", { type: "button", onclick: () => { line.remove(); again(); } }, "Try again");

// A recording that the server could not take is not lost: the browser saves it.
function keep(file) {
  const link = element("a", { href: URL.createObjectURL(file), download: file.name }, "Save it on this machine");
  link.onclick = () => setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  return link;
}
