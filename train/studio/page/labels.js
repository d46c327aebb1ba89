// The labels of one recording: what the file holds, with the changes that are still on their way to it.
import { History } from "./history.js";
import { applied, difference, plain, reversed, same, sorted } from "./regions.js";

const histories = new Map();  // by recording, for as long as the page is open

export class Labels {
  events = [];
  ignored = [];  // labels that label_map.tsv maps to no class; they are shown, not edited
  classes = [];
  file = null;
  #made = 0;  // how many changes were made here
  #api; #outbox; #recording; #told; #history; #stopListening;

  // told.changed() is called when the events are others than before, told.say(sentence) when the user should know why.
  constructor(api, outbox, recording, told) {
    [this.#api, this.#outbox, this.#recording, this.#told] = [api, outbox, recording, told];
    if (!histories.has(recording)) histories.set(recording, new History());
    this.#history = histories.get(recording);
    this.#stopListening = outbox.listen({
      saved: (of, events) => { if (of === recording) this.#adopt(events); },
      refused: (of, changes, error) => { if (of === recording) this.#refused(changes, error); },
    });
  }

  close() { this.#stopListening(); }

  get canUndo() { return this.#history.canUndo; }
  get canRedo() { return this.#history.canRedo; }

  async load() {
    const labels = await this.#api.get("labels", { recording: this.#recording });
    this.#take(labels);
    this.events = this.#withWaiting(labels.events);
  }

  // Reads the labels again, because the file was changed; while changes are on their way their answers tell the rest.
  async reload() {
    if (this.#outbox.waiting(this.#recording).length) return;
    const made = this.#made, labels = await this.#api.get("labels", { recording: this.#recording });
    if (made !== this.#made) return this.reload();  // the answer may be older than what was changed here meanwhile
    this.#take(labels);
    this.#adopt(labels.events);
  }

  // Makes the changes here and sends them; `joins` as in History. Returns whether they could be made.
  commit(changes, joins) {
    if (!this.#apply(changes)) return false;
    this.#history.add(changes, joins);
    return true;
  }

  undo() { return this.#step("undo"); }
  redo() { return this.#step("redo"); }

  #step(what) {
    const changes = this.#history[what]();
    if (!changes) return null;
    if (this.#apply(changes)) return changes;
    this.#history.forget(what);
    const done = what === "undo" ? "undone" : "done again";
    this.#told.say(`That step cannot be ${done}: the label was changed elsewhere meanwhile.`);
    return null;
  }

  #apply(changes) {
    const after = applied(this.events, changes);
    if (!after) return false;
    this.events = after;
    this.#made += 1;
    const sent = changes.map(({ from, to }) => ({ from: from && plain(from), to: to && plain(to) }));
    this.#outbox.put(this.#recording, sent);
    this.#told.changed();
    return true;
  }

  #take(labels) {
    [this.ignored, this.classes, this.file] = [labels.ignored || [], labels.classes, labels.file];
  }

  // What is in the file, and what will be when all changes have arrived.
  #withWaiting(events) {
    let after = sorted(events.map(plain));
    for (const change of this.#outbox.waiting(this.#recording)) after = applied(after, [change]) || after;
    return after;
  }

  #adopt(events) {
    const now = this.#withWaiting(events), { added, removed } = difference(this.events, now);
    if (!added && !removed) return;
    this.events = now;
    this.#told.changed();
    this.#told.say("The labels of this recording were also changed elsewhere: "
      + `${counted(added, "label")} came, ${counted(removed, "label")} went.`);
  }

  #refused(changes, error) {
    if (error.body?.events) this.events = this.#withWaiting(error.body.events);
    else {
      this.events = applied(this.events, reversed(changes)) || this.events;
      this.reload().catch(() => {});
    }
    this.#told.changed();
    const { onset, label } = changes[0].from || changes[0].to;
    const what = `\u201c${label}\u201d at ${onset.toFixed(2)} s`;
    this.#told.say(error.status === 409
      ? `Your change of ${what} was not made, because that label was changed elsewhere meanwhile; `
        + "the labels are shown as they are now."
      : `Your change of ${what} was not saved: ${error.message}`);
  }

  // Returns the event that equals this one, as it is now.
  find(event) { return event && this.events.find((each) => same(each, event)) || null; }
}

const counted = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
