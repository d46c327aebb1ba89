// Questions to the server, and what it tells by itself. An error that it answers is shown above the view.
const token = new URLSearchParams(location.search).get("token");

export class ApiError extends Error {
  constructor(status, body) {
    super(body?.error || "the studio does not answer; is the command still running?");
    this.status = status;
    this.body = body;
  }
}

function url(path, query = {}) {
  const parameters = new URLSearchParams(query);
  if (token) parameters.set("token", token);
  return `api/${path}?${parameters}`;
}

function showError(text) {
  const banner = document.getElementById("error");
  banner.textContent = text;
  banner.hidden = !text;
}

async function answer(path, query, init) {
  let response, body = null;
  try {
    response = await fetch(url(path, query), init);
    body = await response.json();
  } catch { /* no answer, or none in JSON */ }
  if (response?.ok && body !== null) {
    showError("");
    return body;
  }
  const error = new ApiError(response?.status || 0, body);
  showError(error.message);
  throw error;
}

const listeners = new Set();
let wait = 500;
function connect() {
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/${url("changes")}`);
  socket.onopen = () => { wait = 500; };
  socket.onmessage = (event) => { for (const callback of listeners) callback(JSON.parse(event.data)); };
  socket.onclose = () => { setTimeout(connect, wait); wait = Math.min(2 * wait, 10000); };
}
connect();

export const api = {
  url,
  get: (path, query) => answer(path, query),
  post: (path, body, query) =>
    answer(path, query, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
  fetch: (path, query, init) => fetch(url(path, query), init),
  onChange: (callback) => { listeners.add(callback); return () => listeners.delete(callback); },
};
