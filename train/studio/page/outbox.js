// Changes of labels on their way to the server: sent in order, one request at a time, and kept while it is away.
import { netChange, same } from "./regions.js";

const RETRY_MS = [300, 600, 1200, 2500, 5000];

export class Outbox {
  #api;
  #queue = [];  // {recording, changes, isUncertain}; the first one is being sent
  #sends = false;
  #failures = 0;
  #endPause = () => {};
  #listeners = new Set();

  constructor(api) { this.#api = api; }

  // Calls listener.saved(recording, events, changes), .refused(recording, changes, error) and .state() from now on.
  listen(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get length() { return this.#queue.length; }
  get isAway() { return this.#failures > 0; }
  waiting(recording) { return this.#queue.filter((each) => each.recording === recording).flatMap((each) => each.changes); }

  put(recording, changes) {
    const last = this.#queue[this.#queue.length - 1];
    // A label that is moved faster than the server answers is sent where it is, not everywhere that it was.
    if (this.#queue.length > 1 && last.recording === recording && continues(last.changes, changes))
      last.changes = [{ from: last.changes[0].from, to: changes[0].to }];
    else this.#queue.push({ recording, changes, isUncertain: false });
    this.#tell("state");
    this.#send();
  }

  async #send() {
    if (this.#sends) return;
    this.#sends = true;
    while (this.#queue.length) {
      try {
        await this.#sendFirst(this.#queue[0]);
        this.#failures = 0;
      } catch (error) {
        this.#failures += 1;
        this.#queue[0].isUncertain = true;
        this.#tell("state");
        await this.#pause(RETRY_MS[Math.min(this.#failures, RETRY_MS.length) - 1]);
      }
    }
    this.#sends = false;
  }

  #pause(milliseconds) {
    return new Promise((resolve) => {
      this.#endPause = resolve;
      setTimeout(resolve, milliseconds);
    });
  }

  // Tries again at once, because the server is back.
  retryNow() { this.#endPause(); }

  // Sends the first request. Throws when the server is away, and then it stays the first.
  async #sendFirst(item) {
    const { recording, changes } = item;
    let answer;
    try {
      answer = item.isUncertain ? await this.#isDone(recording, changes) : null;
      answer ||= await this.#api.post("labels", { recording, changes });
    } catch (error) {
      if (error.status === 0 || error.status >= 500) throw error;
      this.#queue.shift();
      this.#tell("refused", recording, changes, error);
      this.#tell("state");
      return;
    }
    this.#queue.shift();
    this.#tell("saved", recording, answer.events, changes);
    this.#tell("state");
  }

  // A request without an answer may have been carried out: returns the labels if so, or null.
  async #isDone(recording, changes) {
    const labels = await this.#api.get("labels", { recording }), { removed, added } = netChange(changes);
    const has = (event) => labels.events.some((each) => same(each, event));
    return !removed.some(has) && added.every(has) ? labels : null;
  }

  #tell(what, ...values) {
    for (const listener of this.#listeners) listener[what]?.(...values);
  }
}

const continues = (before, after) => before.length === 1 && after.length === 1 && before[0].from && before[0].to
  && after[0].from && after[0].to && same(before[0].to, after[0].from);
