// The API as any portal calls it: across origins, with a token that is renewed before anybody notices.

import { language } from "./language.js";

// For the browser tab, so that a reload doesn't sign out.
const KEPT = "board-session";
// Where the server names no limit of its own.
const MOST_PAGES = 25;

/** An answer that isn't the one asked for (RFC 9457), or none at all (status 0). */
export class Problem extends Error {
  constructor(status, body, retryAfter) {
    super(body?.detail ?? body?.title ?? "");
    this.status = status;
    this.type = body?.type ?? "";
    this.errors = body?.errors ?? [];
    this.retryAfter = retryAfter;
  }
}

export class Api {
  #base;
  #session = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  #renewing;

  /** Called when the session ended without the person's doing. */
  onended = () => {};

  constructor(base) {
    this.#base = `${base}/v1`;
  }

  get user() {
    return this.#session?.user;
  }

  /** One device for each person and browser, so that signing in again ends the session before. */
  async signIn({ email, password, totp }) {
    const name = `board-device-${email.toLowerCase()}`;
    const id = localStorage.getItem(name) ?? crypto.randomUUID();
    localStorage.setItem(name, id);
    const device = { id, name: "The board", platform: "web", app_version: "1.0.0" };
    const body = { email, password, device, ...(totp && { totp }) };
    this.#keep(await this.#fetch("POST", "/auth/login", { body }), id);
    return this.user;
  }

  async signOut() {
    try {
      await this.ask("POST", "/auth/logout");
    } finally {
      this.#forget();
    }
  }

  /** What the body of the answer is. */
  async ask(method, path, body) {
    return (await this.read(method, path, { body })).body;
  }

  /** The answer with its entity tag; `ifMatch` is that of what was read before, so that nobody's change is lost. */
  async read(method, path, { body, ifMatch } = {}) {
    if (this.#session && Date.now() > this.#session.until - 30_000) await this.#renew();
    const token = this.#session?.token;
    const headers = { authorization: `Bearer ${token}`, ...(ifMatch && { "if-match": ifMatch }) };
    try {
      return await this.#fetch(method, path, { body, headers });
    } catch (problem) {
      if (problem.status !== 401 || !this.#session) throw problem;
      // Of several requests that meet the token's end at once, one renews it.
      if (token === this.#session.token) await this.#renew();
      return await this.#fetch(method, path, {
        body, headers: { ...headers, authorization: `Bearer ${this.#session.token}` },
      });
    }
  }

  /** All items of a list, page by page. */
  async list(path, query = {}) {
    const items = [];
    let cursor;
    for (let page = 0; page < MOST_PAGES; page += 1) {
      const search = new URLSearchParams({ limit: 200, ...query, ...(cursor && { cursor }) });
      const answer = await this.ask("GET", `${path}?${search}`);
      items.push(...answer.items);
      cursor = answer.next_cursor;
      if (!cursor) break;
    }
    return items;
  }

  async #fetch(method, path, { body, headers = {} }) {
    let answer;
    try {
      answer = await fetch(this.#base + path, {
        method,
        headers: {
          "accept-language": language(), ...(body !== undefined && { "content-type": "application/json" }), ...headers,
        },
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(30_000),
      });
    } catch {
      throw new Problem(0);
    }
    const text = await answer.text();
    const isJson = /json/.test(answer.headers.get("content-type") ?? "");
    const said = isJson && text ? JSON.parse(text) : null;
    if (!answer.ok) throw new Problem(answer.status, said, Number(answer.headers.get("retry-after") ?? 0));
    return { status: answer.status, body: said, etag: answer.headers.get("etag") };
  }

  #renew() {
    this.#renewing ??= this.#exchange().finally(() => (this.#renewing = undefined));
    return this.#renewing;
  }

  async #exchange() {
    const { refresh, device } = this.#session;
    try {
      const body = { refresh_token: refresh, device_id: device };
      this.#keep(await this.#fetch("POST", "/auth/refresh", { body }), device);
    } catch (problem) {
      if (problem.status >= 400 && problem.status < 429) {
        this.#forget();
        this.onended();
      }
      throw problem;
    }
  }

  #keep({ body }, device) {
    const until = Date.now() + body.expires_in * 1000;
    this.#session = { token: body.access_token, refresh: body.refresh_token, until, device, user: body.user };
    sessionStorage.setItem(KEPT, JSON.stringify(this.#session));
  }

  #forget() {
    this.#session = null;
    sessionStorage.removeItem(KEPT);
  }
}
