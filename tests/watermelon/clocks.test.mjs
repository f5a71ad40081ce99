// A phone's clock may be wrong by hours: it orders nothing.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from './database.mjs'
import { stage } from './stage.mjs'

const scene = await stage()
const HOUR = 3_600_000

test('the later arrival wins, whatever the clocks say', async () => {
  for (const [ahead, aheadToo] of [[5 * HOUR, -5 * HOUR], [-5 * HOUR, 5 * HOUR]]) {
    const { app, phones: [one, two], visit } = await scene.set()
    one.clockAheadMs = ahead
    two.clockAheadMs = aheadToo
    await one.edit('visits', visit, { notes: 'arrives first' })
    await two.edit('visits', visit, { notes: 'arrives last' })
    for (const phone of [one, two, one]) await phone.sync()

    for (const phone of [one, two]) assert.equal((await phone.row('visits', visit)).notes, 'arrives last')
    assert.deepEqual((await app.conflicts(visit)).map(({ server_value }) => server_value), ['arrives first'])
  }
})

test('both times of a row are the server’s', async () => {
  const { phones: [one, two], visit } = await scene.set()
  one.clockAheadMs = 30 * HOUR
  const began = Date.now()
  const task = await one.create('visit_tasks', { visit_id: visit, task_type: 'meals', title: 'Tea' })
  for (let times = 0; times < 2; times += 1) await one.sync()
  await two.sync()

  const row = await two.row('visit_tasks', task)
  for (const time of [row.created_at, row.updated_at]) assert.ok(time >= began - 1000 && time <= Date.now() + 1000)
  assert.deepEqual(await one.row('visit_tasks', task), row)
})

test('a check-in in the future is kept, flagged, and shown no later than it was heard of', async () => {
  const { coordinator, phones: [phone], visit } = await scene.set()
  phone.clockAheadMs = 3 * HOUR
  await phone.edit('visits', visit, { status: 'in_progress', actual_start: phone.now() })
  await phone.sync()

  const stored = await coordinator.want('GET', `/v1/visits/${visit}`)
  assert.ok(Date.parse(stored.actual_start) <= Date.now() + 1000)
  assert.ok(stored.flags.includes('clock_ahead'))
  const [{ actual_start }] = await sql('select actual_start from visits where id = $1', visit)
  assert.ok(actual_start.getTime() > Date.now() + 2 * HOUR, 'kept as the phone said')
})

test('how far a phone’s clock is off is on record', async () => {
  const { phones: [phone], visit } = await scene.set()
  phone.clockAheadMs = -2 * HOUR
  await phone.edit('visits', visit, { notes: 'Ate well' })
  await phone.sync()
  const [{ clock_offset_ms }] = await sql('select clock_offset_ms from devices where id = $1', phone.session.device.id)
  assert.ok(Math.abs(Number(clock_offset_ms) + 2 * HOUR) < 60_000, clock_offset_ms)
})

test('a check-out before the check-in of a phone whose clock is ahead stops nothing else', async () => {
  const { app, coordinator, phones: [one, two], visit } = await scene.set()
  one.clockAheadMs = 3 * HOUR
  await one.edit('visits', visit, { status: 'in_progress', actual_start: one.now() })
  const came = two.now() - HOUR
  await two.edit('visits', visit, { status: 'completed', actual_start: came, actual_end: two.now(), notes: 'Ate well' })
  for (const phone of [one, two, one, two]) await phone.sync()

  assert.equal((await coordinator.want('GET', `/v1/visits/${visit}`)).notes, 'Ate well')
  assert.equal(await two.unsent(), 0)
  const waiting = (await app.conflicts(visit)).filter(({ status }) => status === 'needs_review')
  assert.ok(waiting.some(({ column_name }) => column_name === 'actual_start'))
})
