// Small line charts as SVG, readable in light and dark and described in words for who cannot see them.

const NAMESPACE = "http://www.w3.org/2000/svg";
const WIDTH = 460, HEIGHT = 224, LEFT = 46, RIGHT = 12, TOP = 28, BOTTOM = 34;

// chart: {title, xName, yName, lines: [{name, className, points: [[x, y], ...]}], x: [low, high], y: [low, high], mark: [x, y]}
// The limits are optional, and so is the mark, a dot. Points with a null are left out.
export function lineChart(chart) {
  const lines = chart.lines.map((line) => ({ ...line, points: line.points.filter((point) => !point.includes(null)) }));
  const all = lines.flatMap((line) => line.points);
  const x = chart.x || limits(all.map((point) => point[0])), y = chart.y || limits(all.map((point) => point[1]));
  const across = (value) => LEFT + (value - x[0]) / (x[1] - x[0]) * (WIDTH - LEFT - RIGHT);
  const up = (value) => HEIGHT - BOTTOM - (value - y[0]) / (y[1] - y[0]) * (HEIGHT - TOP - BOTTOM);
  const svg = make("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", role: "img", "aria-label": described(chart, lines) });
  for (const value of ticks(y)) {
    svg.append(make("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: up(value), y2: up(value) }));
    svg.append(text(shortNumber(value), { class: "tick end", x: LEFT - 6, y: up(value) + 4 }));
  }
  for (const value of ticks(x)) svg.append(text(shortNumber(value), { class: "tick middle", x: across(value), y: HEIGHT - BOTTOM + 15 }));
  svg.append(text(chart.xName, { class: "tick middle", x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 4 }));
  svg.append(text(chart.title, { class: "title", x: 10, y: 17 }));
  for (const line of lines) {
    const points = line.points.map(([a, b]) => `${across(a).toFixed(1)},${up(b).toFixed(1)}`).join(" ");
    svg.append(make("polyline", { class: `curve ${line.className}`, points }));
    if (line.points.length === 1) svg.append(dot(line.points[0], line.className));
  }
  if (chart.mark && !chart.mark.includes(null)) svg.append(dot(chart.mark, "mark"));
  return svg;

  function dot([a, b], className) {
    return make("circle", { class: className, cx: across(a), cy: up(b), r: 5 });
  }
}

function described(chart, lines) {
  const ends = lines.filter((line) => line.points.length).map(
    (line) => `${line.name}: from ${shortNumber(line.points[0][1])} to ${shortNumber(line.points.at(-1)[1])}`);
  return `${chart.title} against ${chart.xName}. ${ends.join("; ")}`;
}

function limits(values) {
  if (!values.length) return [0, 1];
  const low = Math.min(0, ...values), high = Math.max(...values);
  return [low, high > low ? high : low + 1];
}

// About five round numbers within the limits.
function ticks([low, high]) {
  const rough = (high - low) / 4, unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * unit).find((each) => each >= rough);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-6; value += step) found.push(value);
  return found;
}

export const shortNumber = (value) => (Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3))));

function make(tag, attributes) {
  const made = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function text(content, attributes) {
  const made = make("text", attributes);
  made.textContent = content;
  return made;
}
