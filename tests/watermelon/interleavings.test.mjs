// Phones and portal write whatever, whenever, over a network that loses answers: they converge, and nothing is lost.
// SEED is the first history's seed (a fresh one), RUNS how many there are (60); with TRAFFIC=1 a failure shows what
// went over the wire.

import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import { failOnComplaints } from './complaints.mjs'
import { Play } from './play.mjs'
import { TestApp } from './test_app.mjs'

const FIRST = Number(process.env.SEED || randomInt(2 ** 32))
const RUNS = Number(process.env.RUNS || 60)
// Histories that run at once meet at the agency's change counter.
const LANES = Math.min(3, RUNS)

failOnComplaints()
console.log(`SEED=${FIRST} RUNS=${RUNS} repeats these histories`)

const app = await TestApp.open()
const lanes = await Promise.all(Array.from({ length: LANES }, lane))

async function lane() {
  const nurse = await app.nurse()
  const [witness, ...phones] = await Promise.all(Array.from({ length: 4 }, () => app.phone(nurse)))
  return (seed) => new Play(seed, app, nurse, phones, witness).run()
}

for (let run = 0; run < RUNS; run += LANES) {
  const seeds = seedsFrom(run)
  test(`histories ${seeds.join(', ')}`, { timeout: 60_000 }, async () => {
    const ended = await Promise.allSettled(seeds.map((seed, lane) => lanes[lane](seed)))
    const failed = ended.find(({ status }) => status === 'rejected')
    if (failed) throw failed.reason
  })
}

function seedsFrom(run) {
  return Array.from({ length: Math.min(LANES, RUNS - run) }, (_, lane) => FIRST + run + lane)
}
