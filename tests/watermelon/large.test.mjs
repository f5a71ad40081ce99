// Many records: in one answer as long as Lambda takes it, in pages beyond that.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { test } from 'node:test'
import { inTransaction, sql } from './database.mjs'
import { NoSignal } from './device.mjs'
import { LIMITS } from './parts.mjs'
import { ADDRESS } from './session.mjs'
import { stage } from './stage.mjs'

const scene = await stage({ phones: 1 })

// Lambda's limit of an answer, with compressed bytes in base64.
const LAMBDA_BYTES = 6_000_000
const TASKS_A_VISIT = 9

/** A nurse with a client and so many records in all: visits of the last weeks, nine tasks each. */
async function nurseWith(records) {
  const { app } = scene
  const nurse = await app.nurse()
  const client = await app.client({ team: [nurse] })
  const visits = (records - 1) / (TASKS_A_VISIT + 1)
  await inTransaction(async (sql) => {
    await sql('select app.act_as_job($1), app.reserve_change_numbers($2)', app.agency, records)
    await sql(
      `insert into visits (id, agency_id, client_id, user_id, scheduled_start, scheduled_end, notes, family_note)
       select app.uuid7(), $1, $2, $3, now() - n * interval '20 minutes',
         now() - n * interval '20 minutes' + interval '15 minutes',
         'Visit ' || n || ': blood pressure as last time, walked to the kitchen, ate half of the soup, slept badly',
         'A good day, number ' || n
       from generate_series(1, $4::integer) n`,
      app.agency,
      client,
      nurse.id,
      visits,
    )
    await sql(
      `insert into visit_tasks (id, agency_id, visit_id, task_type, title, completed, completed_at, outcome, data)
       select app.uuid7(), v.agency_id, v.id, 'vitals', 'Blood pressure and pulse', true, v.scheduled_end,
         'Measured, sitting',
         jsonb_build_object('heart_rate', jsonb_build_object('value', 60 + n, 'unit', 'bpm'))
       from visits v, generate_series(1, $2::integer) n where v.client_id = $1`,
      client,
      TASKS_A_VISIT,
    )
  })
  // A table that grew by so much at once would be planned for as if it were empty.
  await sql('analyze visits, visit_tasks, sync_log')
  return app.phone(nurse)
}

async function count(phone) {
  const tables = ['clients', 'visits', 'visit_tasks']
  const counts = await Promise.all(tables.map((table) => phone.database.get(table).query().fetchCount()))
  return counts.reduce((sum, each) => sum + each, 0)
}

/** The bytes of an answer as they travel. */
async function bytesOf(phone, path) {
  const request = http.get(ADDRESS + path, { headers: { ...phone.session.authorization, 'accept-encoding': 'gzip' } })
  const [response] = await once(request, 'response')
  let bytes = 0
  for await (const chunk of response) bytes += chunk.length
  return { bytes, encoding: response.headers['content-encoding'], status: response.statusCode }
}

test('10,000 records arrive in one answer that Lambda can give', async () => {
  const phone = await nurseWith(10_001)
  const { bytes, encoding, status } = await bytesOf(phone, '/v1/sync?schema_version=2')
  assert.equal(status, 200)
  assert.equal(encoding, 'gzip')
  assert.ok((bytes * 4) / 3 < LAMBDA_BYTES, `${bytes} bytes`)
  await phone.sync()
  assert.equal(phone.traffic.length, 1)
  assert.equal(await count(phone), 10_001)
})

test('more arrive in pages, and a first sync goes on where it was cut off', { timeout: 120_000 }, async () => {
  const phone = await nurseWith(30_001)
  const cursors = [0]
  let answer = await phone.syncOnce()
  assert.equal(answer.has_more, true)
  while (answer.has_more) {
    cursors.push(answer.timestamp)
    assert.ok(cursors.at(-1) > cursors.at(-2), 'each page moves the cursor')
    phone.troubles.pull.push({ lost: 'answer' })
    await assert.rejects(phone.syncOnce(), NoSignal)
    await phone.restart()
    answer = await phone.syncOnce()
  }
  assert.equal(await count(phone), 30_001)
  assert.equal(phone.traffic.at(-1).path.includes('last_pulled_at=null'), false)
})

test('a day’s work of a thousand records is pushed at once', async () => {
  const { coordinator, phones: [phone], visit } = await scene.set()
  const ids = []
  for (let count = 0; count < 1000; count += 1) {
    ids.push(await phone.create('visit_tasks', { visit_id: visit, task_type: 'meals', title: `Meal ${count}` }))
  }
  await phone.sync()
  assert.equal(await phone.unsent(), 0)
  const { tasks } = await coordinator.want('GET', `/v1/visits/${visit}`)
  assert.equal(tasks.length, 1001)
})

test('a push that is larger than Lambda takes is sent in parts, and everything arrives once', async () => {
  const { phones: [phone], visit } = await scene.set()
  const made = 1_800
  await phone.edit('visits', visit, { notes: 'A long day' })
  for (let count = 0; count < made; count += 1) {
    // Two bytes a letter, and quotes, which a body within an event takes twice.
    const outcome = `"${count}" ${'é'.repeat(1_900)}`
    await phone.create('visit_tasks', { visit_id: visit, task_type: 'meals', title: 'Meal', outcome })
  }
  phone.traffic = []
  phone.troubles.push.push({}, { lost: 'answer' })
  await assert.rejects(phone.sync(), NoSignal)
  await phone.sync()

  const pushes = phone.traffic.filter(({ kind }) => kind === 'push')
  assert.equal(pushes.length, 2 + 3)
  const whole = pushes.slice(2).reduce((bytes, { body }) => bytes + Buffer.byteLength(body), 0)
  assert.ok(whole > 6_291_556, `${whole} bytes in all`)
  for (const { body, path } of pushes) {
    assert.ok(Buffer.byteLength(body) <= LIMITS.maxBytes, `${Buffer.byteLength(body)} bytes`)
    assert.equal(path.includes('has_more'), body !== pushes.at(-1).body)
  }
  assert.deepEqual(Object.keys(JSON.parse(pushes[0].body).changes), ['visits', 'visit_tasks'], 'parents come first')
  assert.equal(await phone.unsent(), 0)
  const [{ count }] = await sql(
    `select count(*)::integer from visit_tasks where visit_id = $1 and length(outcome) > 1900`, visit)
  assert.equal(count, made)
})
