// Caregivers' phones for a test in another language: WatermelonDB's real client (tests/watermelon), told what to do by
// a line of JSON each on standard input, and answering each with one.

import readline from 'node:readline'
import { Device } from '../../tests/watermelon/device.mjs'
import { Session } from '../../tests/watermelon/session.mjs'

// What the client says while it works is no answer, and no news.
console.log = console.warn = console.info = () => {}

const phones = new Map()

const acts = {
  signIn: async ({ phone, email }) => {
    phones.set(phone, new Device(await Session.signIn(email)))
  },
  sync: ({ phone }) => phones.get(phone).sync().then(() => null),
  edit: ({ phone, table, id, values }) => phones.get(phone).edit(table, id, values),
  create: ({ phone, table, values }) => phones.get(phone).create(table, values),
  row: ({ phone, table, id }) => phones.get(phone).row(table, id),
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { act, ...given } = JSON.parse(line)
  const answer = await acts[act](given).then((done) => ({ done: done ?? null }), (error) => ({ error: error.stack }))
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
