// The colours of classes and of the spectrogram, for a light and a dark page.

export const dark = matchMedia("(prefers-color-scheme: dark)");

const CLASSES = {
  light: ["#0a6fc2", "#b35600", "#2a7d1b", "#c2256f", "#6f4cc9", "#80660a", "#007a67", "#b93a17"],
  dark: ["#5cc8ff", "#ffb454", "#9be564", "#ff7ab6", "#c3a6ff", "#ffe066", "#66e0c8", "#ff8f70"],
};
// From quiet to loud: the colour of the card, then brighter on a dark card and darker on a white one.
const SOUND = {
  light: [[255, 255, 255], [222, 232, 245], [158, 190, 225], [84, 128, 190], [47, 65, 140], [28, 16, 68]],
  dark: [[16, 20, 28], [52, 28, 102], [140, 41, 129], [222, 73, 104], [254, 159, 109], [252, 253, 191]],
};
const scheme = () => (dark.matches ? "dark" : "light");

export const colourOf = (classes, label) => {
  const colours = CLASSES[scheme()], index = classes.indexOf(label);
  return colours[Math.max(0, index) % colours.length];
};
export const textOnColour = () => (dark.matches ? "#10141c" : "#ffffff");
export const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Returns 256 colours, each as a 32-bit pixel of an ImageData; `quiet` and `loud` are the bytes at the ends of the scale.
export function soundColours(quiet, loud) {
  const steps = SOUND[scheme()], pixels = new Uint8ClampedArray(4 * 256);
  for (let byte = 0; byte < 256; byte++) {
    const x = Math.min(1, Math.max(0, (byte - quiet) / (loud - quiet))) * (steps.length - 1);
    const below = Math.min(steps.length - 2, Math.floor(x));
    const mixed = steps[below].map((from, k) => from + (steps[below + 1][k] - from) * (x - below));
    pixels.set([...mixed, 255], 4 * byte);
  }
  return new Uint32Array(pixels.buffer);
}
