// UUIDv7, as the app makes them: in the order of their making, so that a list sorted by id is the same in each
// repetition of a seed. The rest is not from the seed: the server outlives a run, and an id must not come twice.

import { randomBytes } from 'node:crypto'

let last = 0

export function uuid7() {
  // Ahead of the clock where several are made in one millisecond.
  last = Math.max(Date.now(), last + 1)
  const bytes = randomBytes(16)
  bytes.writeUIntBE(last, 0, 6)
  bytes[6] = 0x70 | (bytes[6] & 0x0f)
  bytes[8] = 0x80 | (bytes[8] & 0x3f)
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
