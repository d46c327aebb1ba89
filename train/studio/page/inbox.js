// Clips that a device has recorded, to be sorted: listen, press a key, and the next one comes.
import { ClipPicture } from "./clip_picture.js";
import { clock, element, isTyping } from "./dom.js";

const KEYS = { r: "right", w: "wrong", u: "unsure" };
const SAID = {
  train: { right: "is an event in the training material", wrong: "is training material without that event", other: "is training material of another class" },
  judging: "is set aside for judging and never trained on",
  unsure: "is left out",
  waiting: "waits again",
};

// Shows the view in `container`; returns a function that ends it.
export async function open(container, context) {
  const inbox = new InboxView(container, context);
  await inbox.load();
  return () => inbox.close();
}

class InboxView {
  #context; #clips = []; #counts = {}; #sorted = []; #sending = Promise.resolve(); #pending = 0; #ends = []; #shown;

  constructor(container, context) {
    this.#context = context;
    this.progress = element("p", { className: "dim", role: "status" });
    this.bar = element("progress", { "aria-label": "Sorted in this visit", max: 1, value: 0 });
    this.message = element("p", { className: "message", role: "status", "aria-live": "polite", hidden: true });
    this.none = element("p", { className: "card none", hidden: true });
    this.about = element("div", { className: "clip-about" });
    this.picture = new ClipPicture(context.api);
    this.others = element("div", { className: "classes", hidden: true, role: "group", "aria-label": "Which class was it?" });
    this.buttons = this.#makeButtons();
    this.one = element("section", { "aria-label": "Clip" }, element("div", { className: "card" }, this.about, this.picture.element), this.buttons, this.others);
    container.append(element("h1", {}, "Inbox"), this.progress, this.bar, this.message, this.one, this.none);
    const down = (event) => this.#pressed(event);
    document.addEventListener("keydown", down);
    const told = ({ kind }) => { if (["inbox", "back"].includes(kind) && !this.#pending) this.load().catch(() => {}); };
    this.#ends = [() => document.removeEventListener("keydown", down), context.api.onChange(told), () => this.picture.close()];
  }

  close() { for (const end of this.#ends) end(); }

  async load() {
    const answer = await this.#context.api.get("inbox");
    if (answer === null) {
      this.#show();
      this.none.textContent = "No clips are sorted here. Let a device record what wakes it (stapes listen --record DIR), and start the studio with --clips DIR.";
      this.progress.textContent = "";
      return;
    }
    if (this.#pending) return;  // what is being sorted would come back
    [this.#clips, this.#counts, this.oneIn] = [answer.clips, answer.counts, answer.judged_one_in];
    this.#show();
  }

  #makeButtons() {
    const button = (text, key, act) => element("button", { onclick: act, title: key, "aria-keyshortcuts": key }, text, element("kbd", {}, key === "Control+Z" ? "Ctrl z" : key === "Space" ? "\u2423" : key));
    this.play = button("Play", "Space", () => this.picture.togglePlay());
    this.play.classList.add("main");
    this.undo = button("Undo", "Control+Z", () => this.#undo());
    return element("div", { className: "toolbar", role: "toolbar", "aria-label": "What is it?" },
      this.play, element("span", { className: "gap" }),
      button("Right", "r", () => this.#say("right")), button("Wrong", "w", () => this.#say("wrong")),
      button("Another class", "o", () => this.#askOther()), button("Unsure", "u", () => this.#say("unsure")),
      element("span", { className: "gap" }), this.undo);
  }

  #pressed(event) {
    if (isTyping(event.target) || event.altKey) return;
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey) {
      if (key !== "z" || event.shiftKey) return;
      this.#undo();
    } else if (event.key === " ") {
      if (event.target.closest?.("button, a, input")) return;
      this.picture.togglePlay();
    } else if (event.key === "Escape") this.others.hidden = true;
    else if (!this.others.hidden && /^[1-9]$/.test(key)) this.others.querySelectorAll("button")[Number(key) - 1]?.click();
    else if (event.repeat) return;
    else if (key === "o") this.#askOther();
    else if (KEYS[key]) this.#say(KEYS[key]);
    else return;
    event.preventDefault();
  }

  #askOther() {
    const [clip] = this.#clips;
    if (!clip) return;
    const { classes = [], detector } = this.#context.dataset;
    const labels = [...new Set([...classes, ...(detector?.classes || [])])].filter((label) => label !== clip.label);
    const input = element("input", { placeholder: "another class \u2026", "aria-label": "Type a class, then Enter", maxLength: 200, autocomplete: "off" });
    input.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.others.hidden = true;
      const label = input.value.trim().replace(/\s+/g, " ");
      if (event.key === "Enter" && label) this.#say("other", label);
    });
    const chips = labels.map((label, index) => element("button", { onclick: () => this.#say("other", label) }, label, index < 9 ? element("kbd", {}, String(index + 1)) : null));
    this.others.replaceChildren(element("div", { className: "chips" }, ...chips), input);
    this.others.hidden = false;
    (labels.length ? this.others.querySelector("button") : input).focus();
  }

  // The next clip is shown at once; the verdicts are sent one after the other.
  #say(verdict, label = "") {
    const clip = this.#clips.shift();
    if (!clip) return;
    this.#sorted.push(clip);
    this.#show();
    this.#send({ clip: clip.clip, verdict, label }, (place) => {
      const what = SAID[place];
      this.#tell(`${clip.label} ${moment(clip)} ${typeof what === "string" ? what : what[verdict]}.`);
      this.#counts[place] = (this.#counts[place] || 0) + 1;
    });
  }

  #undo() {
    const clip = this.#sorted.pop();
    if (!clip) return this.#tell("Nothing to undo.");
    this.#clips.unshift(clip);
    this.#show();
    this.#send({ clip: clip.clip, verdict: "undo", label: "" }, () => this.#tell(`${clip.label} ${moment(clip)} ${SAID.waiting}.`));
  }

  #send(body, done) {
    this.#pending += 1;
    this.#sending = this.#sending.then(async () => {
      let failed = null;
      try {
        done((await this.#context.api.post("inbox/verdict", body)).moved_to);
      } catch (error) {
        failed = error;
      }
      this.#pending -= 1;
      if (failed) this.#sorted = this.#sorted.filter(({ clip }) => clip !== body.clip);
      if (!this.#pending) await this.load().catch(() => {});
      if (failed) this.#tell(failed.message);
    });
  }

  #tell(text) {
    this.message.textContent = text;
    this.message.hidden = !text;
  }

  #show() {
    const [clip] = this.#clips, done = this.#sorted.length, all = done + this.#clips.length;
    if (this.#shown !== clip?.clip) this.others.hidden = true;
    this.#shown = clip?.clip;
    [this.one.hidden, this.none.hidden] = [!clip, Boolean(clip)];
    this.undo.disabled = !done;
    [this.bar.max, this.bar.value, this.bar.hidden] = [Math.max(1, all), done, !all];
    this.progress.textContent = all || this.#counts.train ? progress(done, all, this.#counts, this.oneIn) : "";
    if (!clip) {
      this.none.textContent = done ? "All clips are sorted." : "No clip waits to be sorted.";
      if (done) this.none.append(" ", element("button", { onclick: () => this.#undo() }, "Undo the last"));
      this.picture.show(null);
      return;
    }
    this.about.replaceChildren(...about(clip));
    this.picture.show(clip);
  }
}

function progress(done, all, counts, oneIn) {
  return `${done} of ${all} sorted in this visit. Of all so far, ${counts.train || 0} are for training and ${counts.judging || 0} are set aside for judging: `
    + `the clips of one day in ${oneIn}, whatever is said of them. ${counts.unsure || 0} are left out.`;
}

const moment = ({ utc }) => (utc ? new Date(utc).toLocaleString() : "");

function about(clip) {
  const near = clip.kind === "near miss", number = (value) => (value === null ? "?" : value.toFixed(2));
  const also = clip.events.filter(({ label, kind }) => label !== clip.label || kind !== clip.kind).map(({ label, kind }) => (kind === "near miss" ? `${label} nearly` : label));
  return [
    element("h2", {}, near ? `Was it ${clip.label}? The detector nearly heard it.` : `Was it ${clip.label}?`),
    element("p", { className: "dim" }, [moment(clip), clock(clip.seconds, 1), `probability ${number(clip.probability)}, threshold ${number(clip.threshold)}`,
      also.length ? `also heard, and asked in a clip of its own: ${[...new Set(also)].join(", ")}` : ""].filter(Boolean).join(" \u00b7 ")),
  ];
}
