// The frame of the page: tabs, the view that location.hash names, and what all views share.
import { Api, ApiError } from "./api.js";
import * as editor from "./editor.js";
import * as inbox from "./inbox.js";
import * as judgement from "./judgement.js";
import { Outbox } from "./outbox.js";
import * as recordings from "./recordings.js";
import * as training from "./training.js";
import * as visit from "./visit.js";

const VIEWS = { visit, recordings, inbox, train: training, judge: judgement, edit: editor };
const byId = (id) => document.getElementById(id);

const api = new Api((isConnected) => {
  byId("state").textContent = isConnected ? "connected" : "no connection, trying again";
  byId("state").className = isConnected ? "" : "off";
});
export const context = {
  api,
  dataset: null,
  outbox: new Outbox(api),
  queue: null,  // {items, title, index}: what the editor is to go through
  // Adds classes that are new to the list of all, and returns that.
  knowClasses(labels) {
    for (const label of labels) if (!classes.includes(label)) classes.push(label);
    return classes;
  },
  go(hash) { location.hash = hash; },
  editQueue(items, title) {
    if (!items.length) return;
    context.queue = { items, title, index: 0 };
    context.goInQueue(0);
  },
  goInQueue(index) {
    const { recording, at, until, label } = context.queue.items[index];
    context.queue.index = index;
    const given = Object.entries({ at, until, label }).filter(([, value]) => value != null);
    const hash = `#edit/${encodeURIComponent(recording)}?${new URLSearchParams(given)}`;
    if (location.hash === hash) show();
    else location.hash = hash;
  },
};

const classes = [];  // every class that was seen, in the order in which it was: digits and colours keep their meaning

async function readDataset() {
  const dataset = await api.get("dataset");
  context.dataset = { ...dataset, classes: context.knowClasses(dataset.classes) };
}

let close = () => {};
let shown = 0;  // number of the view that was asked for last; one that is ready too late is closed again

// "#edit/a%2Fb.wav?at=3" -> {name: "edit", recording: "a/b.wav", at: 3}
function route() {
  const [path, query = ""] = location.hash.replace(/^#/, "").split("?");
  const slash = path.indexOf("/"), parameters = new URLSearchParams(query);
  const seconds = (name) => (parameters.has(name) ? Number(parameters.get(name)) || 0 : null);
  return {
    name: slash < 0 ? path : path.slice(0, slash), recording: slash < 0 ? null : decoded(path.slice(slash + 1)),
    at: seconds("at"), until: seconds("until"), label: parameters.get("label"),
  };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function show() {
  const to = route(), number = ++shown;
  if (to.name === "edit" && close.recording === to.recording && close.jump) return close.jump(to);
  close();
  close = () => {};
  const container = document.createElement("div");
  byId("view").replaceChildren(container);
  byId("error").hidden = true;
  try {
    if (!context.dataset) await readDataset();
    byId("dataset").textContent = context.dataset.folder;
    const view = VIEWS[to.name] ? to.name : context.dataset.n_recordings ? "recordings" : "visit";
    showTab(view === "edit" ? "recordings" : view);
    document.title = `${to.recording || context.dataset.folder} \u2013 stapes studio`;
    const closeThis = await VIEWS[view].open(container, context, to) || (() => {});
    if (number === shown) close = closeThis;
    else closeThis();
  } catch (error) {
    if (number === shown) showError(error.message);
  }
}

function showTab(name) {
  for (const tab of byId("tabs").children) {
    if (tab.hash === `#${name}`) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
}

function showError(text) {
  byId("error").textContent = text;
  byId("error").hidden = false;
}

addEventListener("hashchange", show);
addEventListener("unhandledrejection", ({ reason }) => { if (reason instanceof ApiError) showError(reason.message); });
addEventListener("beforeunload", (event) => { if (context.outbox.length) event.preventDefault(); });
api.onChange(async ({ kind }) => {
  if (kind === "back") context.outbox.retryNow();
  if (kind === "back" || kind === "recordings") await readDataset().catch(() => {});
  if (kind === "back" && !byId("error").hidden) show();
});
show();
