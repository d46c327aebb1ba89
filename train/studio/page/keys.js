// The keys of the editor: one table for what they do and for the help that lists them.
import { element, isTyping } from "./dom.js";

// Each: [keys as people write them, what they do, action]. An action gets the editor and the key event.
export const KEYS = [
  ["Space", "play from the cursor, or stop", (editor) => editor.togglePlay()],
  ["l", "loop the label, or what is on the screen", (editor) => editor.toggleLoop()],
  ["h", "half speed, an octave lower", (editor) => editor.toggleHalfSpeed()],
  ["\u2190 \u2192", "move the label by 10 ms; without one, the cursor", (editor, event) => editor.nudge(event)],
  ["Shift \u2190 \u2192", "move the end of the label", null],
  ["Alt \u2190 \u2192", "the same by 1 ms", null],
  ["\u2191 \u2193", "select the label or proposal before, after", (editor, event) => editor.selectNext(event.key === "ArrowDown" ? 1 : -1)],
  ["1 \u2026 9", "the class of the label, or of the next one", (editor, event) => editor.useClass(Number(event.key) - 1)],
  ["c", "type a class", (editor) => editor.typeClass()],
  [".", "set a point at the cursor; held while clicking, where you click", (editor, event) => { if (!event.repeat) editor.dot(); }],
  ["s", "split the label at the cursor", (editor) => editor.split()],
  ["m", "merge with the next label of its class", (editor) => editor.merge()],
  ["a", "snap the onset to the rise of the sound", (editor) => editor.snap()],
  ["Enter", "take the selected proposal as a label", (editor) => editor.takeGhost()],
  ["Delete", "remove the label or the proposal", (editor) => editor.remove()],
  ["Ctrl z", "undo", (editor) => editor.undo()],
  ["Ctrl Shift z", "do it again", (editor) => editor.redo()],
  ["+ \u2212", "zoom in, out", (editor, event) => editor.zoom(event.key === "+" || event.key === "=" ? 0.5 : 2)],
  ["Page Up, Page Down", "scroll by a screen", (editor, event) => editor.view.pan((event.key === "PageDown" ? 0.8 : -0.8) * editor.view.length)],
  ["Home, End", "go to the beginning, the end", (editor, event) => editor.goTo(event.key === "Home" ? 0 : editor.duration)],
  ["n, p", "the next, the previous of the queue", (editor, event) => editor.stepQueue(event.key === "n" ? 1 : -1)],
  ["Escape", "select nothing", (editor) => editor.escape()],
  ["?", "show or hide this list", (editor) => editor.toggleHelp()],
];
const MOUSE = [
  ["drag", "draw a label; on a label, move it; at its edge, resize it"],
  ["Shift drag", "draw a label on top of another"],
  ["click", "set the cursor, select what is there"],
  ["double click", "set a point"],
  ["wheel, pinch", "zoom; with Shift or two fingers, scroll"],
];
const NAMES = {  // of the key events that belong to the rows of the table
  " ": "Space", ArrowLeft: "\u2190 \u2192", ArrowRight: "\u2190 \u2192", ArrowUp: "\u2191 \u2193", ArrowDown: "\u2191 \u2193",
  "+": "+ \u2212", "=": "+ \u2212", "-": "+ \u2212", PageUp: "Page Up, Page Down", PageDown: "Page Up, Page Down",
  Home: "Home, End", End: "Home, End", n: "n, p", p: "n, p", Backspace: "Delete",
};

// Returns the action of a key event, or null.
function actionOf(event) {
  let name = NAMES[event.key] || event.key;
  if (event.ctrlKey || event.metaKey) {
    const key = event.key.toLowerCase();
    name = key === "z" ? (event.shiftKey ? "Ctrl Shift z" : "Ctrl z") : key === "y" ? "Ctrl Shift z" : "";
  } else if (event.altKey && !event.key.startsWith("Arrow")) return null;
  else if (/^[1-9]$/.test(event.key)) name = "1 \u2026 9";
  return KEYS.find(([keys]) => keys === name)?.[2] || null;
}

// Runs the actions for as long as the editor is open. Returns a function that ends that.
export function listen(editor, gestures) {
  const down = (event) => {
    if (isTyping(event.target) || event.defaultPrevented) return;
    if ([" ", "Enter"].includes(event.key) && event.target.closest?.("button, a, input, summary")) return;
    if (event.key === ".") gestures.dotHeld = true;
    const action = actionOf(event);
    if (!action) return;
    event.preventDefault();
    action(editor, event);
  };
  const up = (event) => {
    if (event.key !== ".") return;
    gestures.dotHeld = false;
    editor.dotReleased();
  };
  document.addEventListener("keydown", down);
  document.addEventListener("keyup", up);
  return () => {
    document.removeEventListener("keydown", down);
    document.removeEventListener("keyup", up);
  };
}

// The list of all keys, as a dialog.
export function helpDialog() {
  const table = (pairs) => element("table", {}, element("tbody", {}, ...pairs.map(([keys, what]) =>
    element("tr", {}, element("th", { scope: "row" }, element("kbd", {}, keys)), element("td", {}, what)))));
  const half = Math.ceil(KEYS.length / 2);
  const dialog = element("dialog", { className: "help", "aria-label": "Keys of the editor" },
    element("header", {}, element("h2", {}, "Keys"), element("button", { onclick: () => dialog.close() }, "Close")),
    element("div", { className: "columns" }, table(KEYS.slice(0, half)), table(KEYS.slice(half))),
    element("h2", {}, "Mouse and fingers"), table(MOUSE));
  dialog.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "?") dialog.close();
  });
  return dialog;
}
