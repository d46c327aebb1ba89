// A table of any length, of which only the rows in view exist. Rows have one height and are reached by arrow keys.
import { element } from "./dom.js";

const SPARE_ROWS = 8;  // above and below the view

export class VirtualTable {
  #columns; #rowHeight; #opened; #selected;
  #items = [];
  #current = 0;  // index of the row that the tabulator key reaches
  #shown = [-1, -1];
  #body = element("tbody");

  // columns: [{title, className, fill(cell, item)}]; opened(item) on Enter or click, selected(item) when a row gets focus.
  constructor({ caption, columns, rowHeight, opened, selected = () => {} }) {
    [this.#columns, this.#rowHeight, this.#opened, this.#selected] = [columns, rowHeight, opened, selected];
    const heads = columns.map(({ title, className = "" }) => element("th", { scope: "col", className }, title));
    this.table = element("table", { "aria-label": caption }, element("thead", {}, element("tr", { "aria-rowindex": "1" }, ...heads)), this.#body);
    this.element = element("div", { className: "scroller" }, this.table);
    this.element.addEventListener("scroll", () => this.#render());
    this.element.addEventListener("keydown", (event) => this.#onKey(event));
    this.#body.addEventListener("click", (event) => this.#onRow(event, (index) => this.#opened(this.#items[index])));
    this.#body.addEventListener("focusin", (event) => this.#onRow(event, (index) => {
      this.#moveTo(index);
      this.#selected(this.#items[index]);
    }));
    new ResizeObserver(() => this.#render()).observe(this.element);
  }

  // Shows other items, of which `current` is the index of the current one.
  show(items, current = this.#current) {
    const focused = this.#body.contains(document.activeElement);
    this.#items = items;
    this.#current = current;
    this.table.setAttribute("aria-rowcount", String(items.length + 1));
    this.#current = Math.max(0, Math.min(this.#current, items.length - 1));
    this.#shown = [-1, -1];
    this.#render();
    if (focused) this.#row(this.#current)?.focus({ preventScroll: true });
  }

  // Marks a row as the current one and scrolls to it, without taking the focus.
  mark(index) {
    if (index < 0) return this.#moveTo(-1);
    this.#scrollTo(index);
    this.#moveTo(index);
  }

  #row(index) { return this.#body.querySelector(`tr[data-index="${index}"]`); }

  #onRow(event, act) {
    const row = event.target.closest("tr[data-index]");
    if (row && !event.target.closest("button, a, input, select")) act(Number(row.dataset.index));
  }

  #moveTo(index) {
    this.#current = Math.max(0, index);
    for (const row of this.#body.querySelectorAll("tr[data-index]")) {
      row.tabIndex = Number(row.dataset.index) === this.#current ? 0 : -1;
      row.classList.toggle("current", Number(row.dataset.index) === index);
    }
  }

  #scrollTo(index) {
    const top = index * this.#rowHeight, head = this.table.tHead.offsetHeight, room = this.element.clientHeight - head;
    if (top < this.element.scrollTop) this.element.scrollTop = top;
    else if (top + this.#rowHeight > this.element.scrollTop + room) this.element.scrollTop = top + this.#rowHeight - room;
    this.#render();
  }

  #onKey(event) {
    if (event.target.tagName !== "TR" || event.ctrlKey || event.altKey || event.metaKey) return;
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.#rowHeight) - 2), last = this.#items.length - 1;
    const to = { ArrowDown: this.#current + 1, ArrowUp: this.#current - 1, PageDown: this.#current + page, PageUp: this.#current - page,
                 Home: 0, End: last }[event.key];
    if (to !== undefined) {
      const index = Math.max(0, Math.min(last, to));
      this.#scrollTo(index);
      this.#row(index)?.focus({ preventScroll: true });
    } else if (event.key === "Enter") this.#opened(this.#items[this.#current]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #render() {
    const height = this.#rowHeight, count = this.#items.length;
    const from = Math.max(0, Math.floor(this.element.scrollTop / height) - SPARE_ROWS);
    const to = Math.min(count, Math.ceil((this.element.scrollTop + this.element.clientHeight) / height) + SPARE_ROWS);
    if (from === this.#shown[0] && to === this.#shown[1]) return;
    const hadFocus = this.#body.contains(document.activeElement);
    this.#shown = [from, to];
    const rows = [];
    for (let index = from; index < to; index++) rows.push(this.#makeRow(index));
    this.#body.replaceChildren(space(from * height, this.#columns.length), ...rows, space((count - to) * height, this.#columns.length));
    if (hadFocus) this.#row(this.#current)?.focus({ preventScroll: true });
  }

  #makeRow(index) {
    const row = element("tr", { tabIndex: index === this.#current ? 0 : -1, "aria-rowindex": String(index + 2) });
    row.dataset.index = String(index);
    row.style.height = `${this.#rowHeight}px`;
    for (const { className = "", fill } of this.#columns) {
      const cell = element("td", { className });
      fill(cell, this.#items[index]);
      row.append(cell);
    }
    return row;
  }
}

function space(height, columns) {
  const row = element("tr", { "aria-hidden": "true", className: "space" }, element("td", { colSpan: columns }));
  row.firstChild.style.height = `${height}px`;
  row.hidden = height === 0;
  return row;
}
