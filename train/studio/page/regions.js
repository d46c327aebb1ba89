// Labels of a recording as plain values: {onset, offset, label}, times in seconds; a point has onset === offset.
// Changes are {from, to}: from null adds a label, to null removes one. Nothing here knows of the page or the server.

const PER_S = 1e4;  // times that the page makes up have this many steps a second, fewer than any label file can hold

export const rounded = (seconds) => Math.round(seconds * PER_S) / PER_S;
export const same = (a, b) => a.onset === b.onset && a.offset === b.offset && a.label === b.label;
export const isPoint = (event) => event.onset === event.offset;
export const plain = ({ onset, offset, label }) => ({ onset, offset, label });
const byTime = (a, b) => a.onset - b.onset || a.offset - b.offset || (a.label < b.label ? -1 : a.label > b.label ? 1 : 0);

export const sorted = (events) => [...events].sort(byTime);
export const reversed = (changes) => changes.map(({ from, to }) => ({ from: to, to: from })).reverse();

// Returns the events after the changes, or null where one that would be changed is not there.
export function applied(events, changes) {
  const after = [...events];
  for (const { from, to } of changes) {
    if (from) {
      const index = after.findIndex((event) => same(event, from));
      if (index < 0) return null;
      after.splice(index, 1);
    }
    if (to) after.push(plain(to));
  }
  return after.sort(byTime);
}

// Returns the events that the changes remove and add on the whole: one that is added and then changed is in neither.
export function netChange(changes) {
  const removed = [], added = [];
  const take = (event, list) => {
    const index = list.findIndex((each) => same(each, event));
    if (index >= 0) list.splice(index, 1);
    return index >= 0;
  };
  for (const { from, to } of changes) {
    if (from && !take(from, added)) removed.push(from);
    if (to && !take(to, removed)) added.push(to);
  }
  return { removed, added };
}

// Returns how many events `after` holds that `before` does not, and the reverse.
export function difference(before, after) {
  const counts = new Map();
  const count = (events, step) => {
    for (const event of events) {
      const key = JSON.stringify([event.onset, event.offset, event.label]);
      counts.set(key, (counts.get(key) || 0) + step);
    }
  };
  count(before, -1);
  count(after, 1);
  const left = [...counts.values()];
  return {
    added: left.reduce((sum, n) => sum + Math.max(0, n), 0),
    removed: left.reduce((sum, n) => sum + Math.max(0, -n), 0),
  };
}

// Returns the event between two moments, in either order, within the recording.
export function between(a, b, label, duration) {
  const within = (seconds) => rounded(Math.min(duration, Math.max(0, seconds)));
  return { onset: within(Math.min(a, b)), offset: within(Math.max(a, b)), label };
}

// Returns the event moved by some seconds as a whole; it keeps its length and stays within the recording.
export function moved(event, seconds, duration) {
  const step = Math.max(-event.onset, Math.min(seconds, Math.max(0, duration - event.offset)));
  return { onset: rounded(event.onset + step), offset: rounded(event.offset + step), label: event.label };
}

// Returns the event with its onset or its offset ("onset", "offset") at another moment; crossing the other end swaps them.
export function resized(event, edge, at, duration) {
  const other = edge === "onset" ? event.offset : event.onset, end = rounded(Math.min(duration, Math.max(0, at)));
  return { onset: Math.min(end, other), offset: Math.max(end, other), label: event.label };
}

export function splitAt(event, at) {
  const middle = rounded(at);
  if (!(event.onset < middle && middle < event.offset)) return null;
  return [
    { from: plain(event), to: { onset: event.onset, offset: middle, label: event.label } },
    { from: null, to: { onset: middle, offset: event.offset, label: event.label } },
  ];
}

// Returns the changes that join an event and the next one of its class, or null where there is none.
export function mergedWithNext(events, event) {
  const next = events.find((other) => other.label === event.label && byTime(event, other) < 0);
  if (!next) return null;
  const whole = { onset: event.onset, offset: Math.max(event.offset, next.offset), label: event.label };
  return [{ from: plain(event), to: whole }, { from: plain(next), to: null }];
}

export const overlaps = (event, events) => events.some(({ onset, offset }) => onset < event.offset && offset > event.onset);

// Returns {event, part} for a moment: part is "onset", "offset" or "body"; or null. Of several the shortest is meant.
export function hit(events, at, slack) {
  let found = null;
  const consider = (event, part, rank) => {
    if (!found || rank < found.rank) found = { event, part, rank };
  };
  for (const event of events) {
    const length = event.offset - event.onset;
    if (at < event.onset - slack || at > event.offset + slack) continue;
    const end = isPoint(event) ? "body" : at < event.onset ? "onset" : at > event.offset ? "offset" : "body";
    if (length < 2 * slack) consider(event, end, 0);
    else if (Math.abs(at - event.onset) <= slack) consider(event, "onset", 1);
    else if (Math.abs(at - event.offset) <= slack) consider(event, "offset", 1);
    else consider(event, "body", 2 + length);
  }
  return found && { event: found.event, part: found.part };
}

// Returns the lane of each event, 0 at the top, so that names of overlapping events do not cover each other.
// `lengths` are the times that the names take on the screen.
export function lanes(events, lengths) {
  const ends = [];
  return events.map(({ onset }, index) => {
    let lane = ends.findIndex((end) => end <= onset);
    if (lane < 0) lane = ends.length;
    ends[lane] = onset + lengths[index];
    return lane;
  });
}
