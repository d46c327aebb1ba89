// What a page looks like to people who see little, use the keyboard or a finger. Each function returns what is wrong.

function shown(selector) { return [...document.querySelectorAll(selector)].filter((each) => each.checkVisibility()); }
function place(element) { return element.outerHTML.slice(0, 80); }

// Text whose contrast is too low by the Web Content Accessibility Guidelines 2.1: {measured: count, low: [...]}. Text of
// controls that cannot be used is left out, as the guidelines do.
function contrast() {
  const found = { measured: 0, low: [] };
  for (const element of shown("body *")) {
    const texts = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.data);
    const text = texts.join("").trim();
    if (!text || element.closest(":disabled, option")) continue;
    const style = getComputedStyle(element), back = behind(element), front = over(parsed(style.color), back);
    const [light, dark] = [luminance(front), luminance(back)].sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05), px = parseFloat(style.fontSize);
    const enough = px >= 24 || (px >= 18.7 && style.fontWeight >= 700) ? 3 : 4.5;
    found.measured += 1;
    if (ratio < enough) found.low.push(`${ratio.toFixed(2)}: ${place(element)}`);
  }
  return found;
}

function parsed(colour) {
  const [r, g, b, a = 1] = colour.match(/[\d.]+/g).map(Number);
  return [r, g, b, a];
}

function over(top, below) { return [0, 1, 2].map((i) => top[3] * top[i] + (1 - top[3]) * below[i]).concat(1); }

function luminance(colour) {
  const linear = (part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  return [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) => sum + weight * linear(colour[i] / 255), 0);
}

// The colour on which the text of an element stands.
function behind(element) {
  const layers = [];
  for (let each = element; each; each = each.parentElement) layers.unshift(parsed(getComputedStyle(each).backgroundColor));
  return layers.reduce((below, layer) => over(layer, below), [255, 255, 255, 1]);
}

// Numbers what the Tab key has to reach, in the order of the page; returns their tab indices.
function numberFocusable() {
  const all = shown("a[href], button, input, select, textarea, [tabindex]")
    .filter((each) => each.tabIndex >= 0 && !each.disabled);
  all.forEach((each, number) => { each.dataset.number = number; });
  return all.map((each) => each.tabIndex);
}

// The element that has the focus: its number, and whether it shows that.
function focused() {
  const element = document.activeElement, style = getComputedStyle(element);
  const outline = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
  return { number: Number(element.dataset.number ?? -1), shows: outline || style.boxShadow !== "none", place: place(element) };
}

// What a finger has to hit and is lower than this many CSS pixels. A box to tick is hit by its label, too.
function lowerThan(px) {
  return shown("button, select, input, nav a")
    .map((each) => (["checkbox", "radio"].includes(each.type) ? each.closest("label") || each : each))
    .filter((each) => each.getBoundingClientRect().height < px).map(place);
}
