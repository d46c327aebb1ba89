// Requests to the server, with the token of the page's own address, and the changes that it reports by WebSocket.

const TIMEOUT_MS = 20000;
const FIRST_RETRY_MS = 500, LAST_RETRY_MS = 8000;

// What the server refused. status: 0 when it could not be reached; body: the JSON of its answer, if there is one.
export class ApiError extends Error {
  constructor(message, status, body = null) {
    super(message);
    [this.status, this.body] = [status, body];
  }
}

export class Api {
  #token = new URLSearchParams(location.search).get("token");
  #listeners = new Set();
  #stateChanged;
  #retryMs = FIRST_RETRY_MS;
  isConnected = false;

  // stateChanged(isConnected) is called whenever the server goes away or comes back.
  constructor(stateChanged) {
    this.#stateChanged = stateChanged;
    this.#connect();
  }

  url(path, query = {}) {
    const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
    const parameters = new URLSearchParams(given);
    if (this.#token) parameters.set("token", this.#token);
    return `api/${path}${parameters.size ? `?${parameters}` : ""}`;
  }

  // Returns the answer, whatever its status. Throws ApiError with status 0 when there is none.
  async fetch(path, query = {}, options = {}) {
    try {
      return await fetch(this.url(path, query), { signal: AbortSignal.timeout(TIMEOUT_MS), ...options });
    } catch (error) {
      throw new ApiError("The server cannot be reached; is stapes studio still running?", 0, { cause: String(error) });
    }
  }

  async get(path, query = {}) { return contentOf(await this.fetch(path, query)); }

  async post(path, body = {}, query = {}) {
    const headers = { "Content-Type": "application/json" };
    return contentOf(await this.fetch(path, query, { method: "POST", headers, body: JSON.stringify(body) }));
  }

  // Calls listener({kind, ...}) for every change that the server reports, and {kind: "back"} when it is back after it was
  // away, because changes may have been missed. Returns a function that ends this.
  onChange(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(message) { for (const listener of [...this.#listeners]) listener(message); }

  #connect() {
    const address = new URL(this.url("changes"), location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(address);
    let wasOpen = false;
    socket.onopen = () => {
      [wasOpen, this.#retryMs] = [true, FIRST_RETRY_MS];
      this.#setConnected(true);
    };
    socket.onmessage = ({ data }) => this.#tell(JSON.parse(data));
    socket.onclose = () => {
      this.#setConnected(false);
      setTimeout(() => this.#connect(), this.#retryMs);
      if (!wasOpen) this.#retryMs = Math.min(LAST_RETRY_MS, 2 * this.#retryMs);
    };
  }

  #wasConnected = false;

  #setConnected(isConnected) {
    this.isConnected = isConnected;
    this.#stateChanged(isConnected);
    if (isConnected && this.#wasConnected) this.#tell({ kind: "back" });
    this.#wasConnected ||= isConnected;
  }
}

async function contentOf(answer) {
  const text = await answer.text();
  let body = null;
  try {
    body = JSON.parse(text);
  } catch {
    if (answer.ok) throw new ApiError(`The server's answer is not JSON: ${text.slice(0, 100)}`, answer.status);
  }
  if (!answer.ok) throw new ApiError(body?.error || text || `The server answered with status ${answer.status}.`, answer.status, body);
  return body;
}
