// Somebody signed in on one device, and what they ask of the API.

import { setTimeout as sleep } from 'node:timers/promises'
import { uuid7 } from './ids.mjs'

export const ADDRESS = process.env.PUBLIC_URL
export const PASSWORD = 'berthcare-demo'

// A function that ended at its start leaves its requests waiting.
const TIME_LIMIT_MS = 60_000

export class HttpError extends Error {
  constructor(method, path, answer) {
    super(`${method} ${path} answered ${answer.status}: ${answer.text.slice(0, 2000)}`)
    this.status = answer.status
    this.body = answer.body
  }
}

async function call(method, path, { body, headers } = {}) {
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
  const response = await fetch(ADDRESS + path, {
    method,
    body: text,
    headers: { ...(text !== undefined && { 'content-type': 'application/json' }), ...headers },
    signal: AbortSignal.timeout(TIME_LIMIT_MS),
  })
  const answered = await response.text()
  const isJson = /json/.test(response.headers.get('content-type') ?? '')
  return { status: response.status, headers: response.headers, text: answered,
    body: isJson ? JSON.parse(answered) : null }
}

export class Session {
  #tokens
  #refreshing

  constructor(device, tokens) {
    this.device = device
    this.user = tokens.user
    this.#tokens = tokens
  }

  static async signIn(email, device = {}) {
    const whole = { id: uuid7(), name: 'WatermelonDB', platform: 'ios', app_version: '1.0.0', ...device }
    for (;;) {
      const answer = await call('POST', '/v1/auth/login', { body: { email, password: PASSWORD, device: whole } })
      if (answer.status === 200) return new Session(whole, answer.body)
      // All tests sign in from one address, which may do so 60 times a minute.
      if (answer.status !== 429) throw new HttpError('POST', '/v1/auth/login', answer)
      await sleep(Number(answer.headers.get('retry-after')) * 1000)
    }
  }

  /** The header that every request carries. */
  get authorization() {
    return { authorization: `Bearer ${this.#tokens.access_token}` }
  }

  /** The answer, whatever it is. The access token is exchanged when it has run out, as an app does it. */
  async ask(method, path, { body, headers } = {}) {
    const token = this.#tokens.access_token
    const once = () => call(method, path, { body, headers: { ...this.authorization, ...headers } })
    const answer = await once()
    if (answer.status !== 401) return answer
    await this.#refresh(token)
    return once()
  }

  /** What a request that must succeed was answered. */
  async want(method, path, body, headers) {
    const answer = await this.ask(method, path, { body, headers })
    if (answer.status >= 300) throw new HttpError(method, path, answer)
    return answer.body
  }

  /** From now on as if 15 minutes had gone by. */
  spoilAccessToken() {
    this.#tokens = { ...this.#tokens, access_token: this.#tokens.access_token.replace(/.{8}$/, 'AAAAAAAA') }
  }

  // Of several requests that meet the token's end at once, one exchanges it.
  async #refresh(spent) {
    if (spent !== this.#tokens.access_token) return
    this.#refreshing ??= this.#exchange().finally(() => (this.#refreshing = undefined))
    await this.#refreshing
  }

  async #exchange() {
    const body = { refresh_token: this.#tokens.refresh_token, device_id: this.device.id }
    const answer = await call('POST', '/v1/auth/refresh', { body })
    if (answer.status !== 200) throw new HttpError('POST', '/v1/auth/refresh', answer)
    this.#tokens = answer.body
  }
}
