// The demo's clients, exported by the running stack as their coordinator asks for it.

import { randomUUID } from 'node:crypto'

const ADDRESS = process.env.PUBLIC_URL
const LOGIN = {
  email: 'coordinator@demo.berthcare.ca',
  password: 'berthcare-demo',
  device: { id: randomUUID(), name: 'FHIR', platform: 'web', app_version: '1.0.0' },
}
// A function that ended at its start leaves its requests waiting.
const TIME_LIMIT_MS = 60_000

async function ask(path, { body, headers } = {}) {
  const answer = await fetch(ADDRESS + path, {
    method: body ? 'POST' : 'GET',
    headers: { ...(body && { 'content-type': 'application/json' }), ...headers },
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(TIME_LIMIT_MS),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${text.slice(0, 500)}`)
  return JSON.parse(text)
}

/** Each client's Bundle, and a name for it. */
export async function* demoExports() {
  const { access_token: token } = await ask('/v1/auth/login', { body: LOGIN })
  const authorization = `Bearer ${token}`
  const { items } = await ask('/v1/clients?limit=50', { headers: { authorization } })
  for (const { id } of items) {
    const headers = { authorization, accept: 'application/fhir+json' }
    yield [`demo-${id}`, await ask(`/v1/clients/${id}/export`, { headers })]
  }
}
