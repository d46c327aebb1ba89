// The stretch of a recording that is on the screen, in seconds.

const SHORTEST_S = 0.05;

export class View {
  from = 0;
  until = 1;
  #changed;

  constructor(duration, changed) {
    [this.duration, this.#changed] = [Math.max(duration, SHORTEST_S), changed];
    this.until = this.duration;
  }

  get length() { return this.until - this.from; }

  show(from, until) {
    const length = Math.min(this.duration, Math.max(SHORTEST_S, until - from));
    const start = Math.min(this.duration - length, Math.max(0, from));
    if (start === this.from && start + length === this.until) return;
    [this.from, this.until] = [start, start + length];
    this.#changed();
  }

  pan(seconds) { this.show(this.from + seconds, this.until + seconds); }

  // A factor below 1 shows less; the moment `around` stays where it is.
  zoom(factor, around = (this.from + this.until) / 2) {
    const length = Math.min(this.duration, Math.max(SHORTEST_S, this.length * factor));
    const from = around - (around - this.from) / this.length * length;
    this.show(from, from + length);
  }

  // Moves just so far that a stretch is seen, with some room around it.
  reveal(from, until = from) {
    const room = 0.08 * this.length;
    if (until - from + 2 * room > this.length) this.show(from - 0.25 * (until - from) - room, until + 0.25 * (until - from) + room);
    else if (from - room < this.from) this.pan(from - room - this.from);
    else if (until + room > this.until) this.pan(until + room - this.until);
  }
}
