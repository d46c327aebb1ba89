// What was done to the labels of a recording, to be undone and done again. A step is a list of changes {from, to}.
import { reversed, same } from "./regions.js";

const JOINED_MS = 1000;  // moves of one label by keys that follow each other within this time are undone together

export class History {
  #done = [];
  #undone = [];
  #lastAt = -Infinity;

  get canUndo() { return this.#done.length > 0; }
  get canRedo() { return this.#undone.length > 0; }

  // Notes a step that was just made. One that `joins` goes on with a step before that also did, if that moved the label here.
  add(changes, joins = false, now = performance.now()) {
    this.#undone = [];
    const last = this.#done[this.#done.length - 1];
    if (joins && now - this.#lastAt < JOINED_MS && same(last[0].to, changes[0].from))
      last[0] = { from: last[0].from, to: changes[0].to };
    else this.#done.push([...changes]);
    this.#lastAt = joins ? now : -Infinity;
  }

  // Returns the changes that take the last step back, or null; the step is then the next to be done again.
  undo() {
    const step = this.#done.pop();
    if (!step) return null;
    this.#undone.push(step);
    this.#lastAt = -Infinity;
    return reversed(step);
  }

  // Returns the changes of the step that was taken back last, or null.
  redo() {
    const step = this.#undone.pop();
    if (!step) return null;
    this.#done.push(step);
    this.#lastAt = -Infinity;
    return step;
  }

  // Forgets the step that undo or redo returned last, because it could not be made.
  forget(what) { (what === "undo" ? this.#undone : this.#done).pop(); }
}
