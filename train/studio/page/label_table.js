// The labels of the recording as a table: every label can be read, reached and changed by keyboard.
import { colourOf } from "./colours.js";
import { clock, element } from "./dom.js";
import { isPoint, same } from "./regions.js";
import { VirtualTable } from "./virtual_table.js";

const ROW_PX = 40;

export class LabelTable {
  #editor; #events = [];

  // editor: {labels, classes, selected, select, view}
  constructor(editor) {
    this.#editor = editor;
    const select = (event) => {
      if (!editor.selected || !same(editor.selected.event, event)) editor.select(event, false);
    };
    this.table = new VirtualTable({
      caption: "Labels of this recording", rowHeight: ROW_PX, opened: select, selected: select,
      columns: [
        { title: "onset", className: "number", fill: (cell, event) => { cell.textContent = clock(event.onset, 3); } },
        { title: "length", className: "number", fill: (cell, event) => { cell.textContent = length(event); } },
        { title: "class", className: "name", fill: (cell, event) => this.#fillClass(cell, event) },
      ],
    });
    this.table.element.classList.add("labels");
    this.none = element("p", { className: "none" }, "No label yet. Drag on the spectrogram to draw one.");
    this.file = element("p", { className: "dim" });
    const card = element("div", { className: "card" }, this.table.element, this.none);
    this.element = element("section", { "aria-label": "Labels" }, card, this.file);
  }

  #fillClass(cell, { label }) {
    const patch = element("i", {});
    patch.style.background = colourOf(this.#editor.classes, label);
    cell.append(patch, label);
  }

  show() {
    this.#events = this.#editor.labels.events;
    const index = this.#selectedIndex;
    this.table.show(this.#events, index < 0 ? undefined : index);
    this.file.textContent = `Labels of this recording are kept in ${this.#editor.labels.file}.`;
    this.table.element.hidden = !this.#events.length;
    this.none.hidden = this.#events.length > 0;
    this.mark();
  }

  // Marks the row of the selected label.
  mark() { this.table.mark(this.#selectedIndex); }

  get #selectedIndex() {
    const { selected } = this.#editor;
    return selected && !selected.ghost ? this.#events.findIndex((event) => same(event, selected.event)) : -1;
  }
}

const length = (event) => (isPoint(event) ? "point" : `${(event.offset - event.onset).toFixed(3)} s`);
