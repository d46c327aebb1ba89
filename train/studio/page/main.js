// The tabs of the studio, and the view that is open. The part of the address behind # says which.
import { api } from "./api.js";
import * as editor from "./editor.js";
import * as inbox from "./inbox.js";
import * as judgement from "./judgement.js";
import * as recordings from "./recordings.js";
import * as training from "./training.js";

const TABS = [["recordings", "Recordings", recordings], ["inbox", "Inbox", inbox], ["train", "Train", training],
              ["judge", "Judge", judgement]];
const byId = (id) => document.getElementById(id);
const context = {
  api, dataset: null, queue: null,
  go: (hash) => { location.hash = hash; },
  editQueue: (items, title) => {
    context.queue = { items, title };
    if (items.length) context.go(`edit/${encodeURIComponent(items[0].recording)}?at=${items[0].at}`);
  },
};
let close = null;

function showTabs() {
  for (const [hash, name] of TABS) {
    const tab = document.createElement("a");
    tab.href = `#${hash}`;
    tab.textContent = name;
    tab.setAttribute("role", "tab");
    byId("tabs").append(tab);
  }
}

function show() {
  const hash = location.hash.slice(1).split(/[/?]/)[0] || "recordings";
  const view = hash === "edit" ? editor : (TABS.find(([name]) => name === hash) || TABS[0])[2];
  for (const tab of byId("tabs").children)
    tab.setAttribute("aria-selected", String(tab.hash === `#${hash === "edit" ? "recordings" : hash}`));
  if (close) close();
  const container = byId("view");
  container.replaceChildren();
  close = view.open(container, context);
}

showTabs();
context.dataset = await api.get("dataset");
byId("dataset").textContent = context.dataset.folder;
window.addEventListener("hashchange", show);
show();
