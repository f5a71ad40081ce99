// What changes, as it changes: a WebSocket, what was missed while there was none, and asking again where there is no
// socket to be had.

const POLL_MS = 15_000;
// Who was not heard of for 40 seconds counts as away.
const PING_MS = 20_000;
// What no event tells of is looked at so often all the same.
const UNTOLD_MS = 20_000;
// Between two attempts at a socket; longer each time.
const RETRY_MS = [1_000, 2_000, 5_000, 15_000, 60_000];

export class Live {
  #api;
  #socket;
  #number = null;
  #attempts = 0;
  #timers = [];
  #stopped = false;
  #isReady = false;

  /**
   * `onready()`: from now on nothing is missed, so that the first look can be taken. `onchange(kinds)`: a set of kinds
   * such as `alert`, or null where it may be anything. `onstate(state)`.
   */
  constructor(api, { onready, onchange, onstate }) {
    this.#api = api;
    this.onready = onready;
    this.onchange = onchange;
    this.onstate = onstate;
  }

  start() {
    this.#connect();
    this.#timers.push(
      setInterval(() => this.#poll(), POLL_MS),
      setInterval(() => this.#ping(), PING_MS),
      setInterval(() => this.onchange(new Set(["untold"])), UNTOLD_MS),
    );
    window.addEventListener("online", this.#online);
  }

  stop() {
    this.#stopped = true;
    this.#timers.forEach(clearInterval);
    window.removeEventListener("online", this.#online);
    this.#socket?.close();
  }

  #online = () => {
    if (!this.#isOpen()) this.#connect();
  };

  #isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  async #connect() {
    if (this.#stopped) return;
    clearTimeout(this.#timers.retry);
    let socket;
    let first = false;
    try {
      const ticket = await this.#api.ask("POST", "/realtime/ticket");
      if (this.#stopped) return;
      // What changes from the ticket on is told over the socket.
      first = this.#ready();
      socket = new WebSocket(ticket.url);
    } catch (problem) {
      if (this.#stopped) return;
      this.#ready();
      this.onstate(problem.status === 0 ? "offline" : "polling");
      return this.#retry();
    }
    this.#socket?.close();
    this.#socket = socket;
    socket.addEventListener("open", () => {
      this.#attempts = 0;
      this.onstate("live");
      if (!first) this.#catchUp();
    });
    socket.addEventListener("message", (event) => this.#hear(event.data));
    socket.addEventListener("close", () => {
      if (this.#stopped || this.#socket !== socket) return;
      this.onstate("polling");
      this.#retry();
    });
  }

  /** Whether this was the first time. */
  #ready() {
    if (this.#isReady) return false;
    this.#isReady = true;
    this.onready();
    return true;
  }

  #retry() {
    const wait = RETRY_MS[Math.min(this.#attempts, RETRY_MS.length - 1)];
    this.#attempts += 1;
    clearTimeout(this.#timers.retry);
    this.#timers.retry = setTimeout(() => this.#connect(), wait);
  }

  #hear(text) {
    let frame;
    try {
      frame = JSON.parse(text);
    } catch {
      return;
    }
    if (typeof frame.type === "string" && frame.type !== "pong") this.#take([frame]);
  }

  #take(frames) {
    const kinds = new Set(frames.map((frame) => frame.type.split(".")[0]));
    for (const { number } of frames) if (number > (this.#number ?? -1)) this.#number = number;
    // What a phone brought may be anything.
    this.onchange(kinds.has("sync") ? null : kinds);
  }

  /** What happened since the last event that came; all is read anew where that can't be told. */
  async #catchUp() {
    if (this.#number === null) return this.onchange(null);
    try {
      let after = this.#number;
      for (;;) {
        const page = await this.#api.ask("GET", `/events?after=${after}`);
        if (page.items.length) this.#take(page.items);
        if (!page.next_cursor || after === this.#number) return;
        after = this.#number;
      }
    } catch (problem) {
      // 410: it is too long ago. 404: this release has no such path.
      if (problem.status === 410 || problem.status === 404) {
        this.#number = null;
        this.onchange(null);
      }
    }
  }

  #poll() {
    if (!this.#isOpen()) this.#catchUp();
  }

  #ping() {
    if (this.#isOpen()) this.#socket.send(JSON.stringify({ action: "ping" }));
  }
}
