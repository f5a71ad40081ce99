// The first sync, and what the phone makes of it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stage } from './stage.mjs'
import { checkPull } from './wire.mjs'
import { schemaOf } from './schema.mjs'

const scene = await stage()

test('absent, empty, 0 and null are a first sync', async () => {
  const { phones: [phone], client } = await scene.set()
  for (const query of ['', 'last_pulled_at=&', 'last_pulled_at=0&', 'last_pulled_at=null&']) {
    const answer = await phone.session.want('GET', `/v1/sync?${query}schema_version=2`)
    checkPull(answer, schemaOf(2), { lastPulledAt: null })
    const { created, updated } = answer.changes.clients
    assert.ok([...created, ...updated].some(({ id }) => id === client), query)
  }
})

test('the phone stores every value as it was sent', async () => {
  const { phones: [phone], client, visit, task } = await scene.set({
    task: { task_type: 'vitals', title: 'Pulse', completed: true, data: { heart_rate: { value: 72, unit: 'bpm' } } },
  })
  await phone.restart({ saved: null })
  const { changes } = await phone.sync()
  for (const [table, { created, updated }] of Object.entries(changes)) {
    for (const row of [...created, ...updated]) {
      assert.deepEqual(await phone.row(table, row.id), { ...row, _status: 'synced', _changed: '' })
    }
  }
  const row = await phone.row('clients', client)
  assert.equal(row.date_of_birth, '1938-04-12')
  assert.equal(JSON.parse(row.address).city, 'Toronto')
  assert.deepEqual(JSON.parse(row.risks), ['dog'])
  assert.equal(JSON.parse(row.emergency_contacts)[0].name, 'Paul Côté')
  assert.equal((await phone.row('visits', visit)).scheduled_start % 60_000, 0)
  const record = await phone.database.get('visit_tasks').find(task)
  assert.deepEqual(record.data, { heart_rate: { value: 72, unit: 'bpm' } }, '@json reads it')
  assert.equal(record.completed, true)
})

test('a second sync with nothing new brings nothing', async () => {
  const { phones: [phone] } = await scene.set()
  const { changes } = await phone.sync()
  for (const lists of Object.values(changes)) assert.deepEqual(lists, { created: [], updated: [], deleted: [] })
  assert.equal(phone.traffic.filter(({ kind }) => kind === 'push').length, 0)
})

test('what a nurse writes is in her receipts', async () => {
  const { phones: [phone], visit, task } = await scene.set()
  const since = Date.now()
  await phone.edit('visits', visit, { notes: 'Ate well' })
  await phone.edit('visit_tasks', task, { outcome: 'Soup' })
  await phone.sync()
  const { received, refused, conflicts } = await phone.session.want('GET', `/v1/sync/status?since=${since}`)
  assert.deepEqual(received.map(({ table, changes }) => [table, changes]), [['visit_tasks', 1], ['visits', 1]])
  assert.deepEqual([refused, conflicts], [[], []])
})
