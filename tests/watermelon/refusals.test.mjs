// What may not be written is kept in quarantine, its author is told why, and the rest of the push goes on.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stage } from './stage.mjs'
import { uuid7 } from './ids.mjs'

const scene = await stage({ phones: 1 })
const aide = await scene.app.aide()
const aidesPhone = await scene.app.phone(aide)
const colleague = await scene.app.nurse()

const VITALS = { heart_rate: { value: 72, unit: 'bpm' } }

const lastPush = (phone) => phone.traffic.findLast(({ kind }) => kind === 'push').answer

test('a care aide’s vitals are quarantined, and the rest of the push arrives', async () => {
  const { app, coordinator } = await scene.set()
  const client = await app.client()
  const visit = await app.visit(client, aide)
  const vitals = await app.task(visit, { task_type: 'vitals', title: 'Pulse' })
  const phone = aidesPhone
  await phone.sync()
  await phone.edit('visit_tasks', vitals, { data: VITALS })
  const made = await phone.create('visit_tasks', { visit_id: visit, task_type: 'vitals', title: 'Pulse', data: VITALS })
  const meal = await phone.create('visit_tasks', { visit_id: visit, task_type: 'meals', title: 'Tea',
    outcome: 'Two cups' })
  await phone.edit('visits', visit, { notes: 'Ate well' })
  await phone.sync()

  const stored = await coordinator.want('GET', `/v1/visits/${visit}`)
  assert.equal(stored.notes, 'Ate well')
  assert.deepEqual(stored.tasks.map(({ id }) => id).sort(), [vitals, meal].sort())
  assert.equal(stored.tasks.find(({ id }) => id === vitals).data ?? null, null)

  const { experimentalRejectedIds, rejected } = lastPush(phone)
  assert.deepEqual(experimentalRejectedIds.visit_tasks.toSorted(), [vitals, made].sort())
  for (const { reason } of rejected) assert.match(reason, /nurse/)
  const kept = await app.quarantine(made)
  assert.equal(kept.length, 1)
  assert.deepEqual(JSON.parse(kept[0].body.data), VITALS, 'verbatim')
  assert.equal(await phone.unsent(), 2, 'what was refused stays on the phone')

  await phone.sync()
  assert.equal((await app.quarantine(made)).length, 1, 'and is kept once, however often it comes')
  const { refused } = await phone.session.want('GET', '/v1/sync/status?since=0')
  assert.deepEqual(refused.map(({ id }) => id).sort(), [vitals, made].sort())
})

test('a nurse’s edit of a stranger’s visit is quarantined', async () => {
  const { app, coordinator, phones: [phone], client, visit } = await scene.set()
  const others = await app.visit(client, colleague)
  await phone.sync()
  await phone.edit('visits', others, { notes: 'not hers to write' })
  await phone.edit('visits', visit, { notes: 'hers' })
  await phone.sync()

  assert.equal((await coordinator.want('GET', `/v1/visits/${others}`)).notes ?? null, null)
  assert.equal((await coordinator.want('GET', `/v1/visits/${visit}`)).notes, 'hers')
  assert.deepEqual(lastPush(phone).experimentalRejectedIds, { visits: [others] })
  assert.equal((await app.quarantine(others))[0].body.notes, 'not hers to write')
})

test('an id that is another client’s is refused without a word of what it is', async () => {
  const { app, coordinator, phones: [phone], client, visit } = await scene.set()
  const hidden = await app.visit(await app.client(), colleague)
  // Whatever the hour is in the agency: a visit two hours ago may be of yesterday, and a planned one of today alone.
  await app.join(client, scene.nurse)
  const write = (id) => phone.create('visits', {
    _raw: { ...emptyVisit(phone), id, client_id: client, user_id: scene.nurse.id, notes: 'guessed' },
  })
  await write(hidden)
  await phone.edit('visits', visit, { notes: 'hers' })
  await phone.sync()

  const stored = await coordinator.want('GET', `/v1/visits/${hidden}`)
  assert.notEqual(stored.notes, 'guessed')
  assert.equal((await coordinator.want('GET', `/v1/visits/${visit}`)).notes, 'hers')
  const [{ reason }] = lastPush(phone).rejected
  assert.doesNotMatch(reason, /exist|client|Alma/)
})

function emptyVisit(phone) {
  const columns = phone.database.schema.tables.visits.columnArray
  const blank = Object.fromEntries(columns.map(({ name, type, isOptional }) => [name,
    isOptional ? null : { string: '', number: 0, boolean: false }[type]]))
  const start = Date.now() - 7_200_000
  return { ...blank, _status: 'created', _changed: '', status: 'scheduled', scheduled_start: start,
    scheduled_end: start + 3_600_000 }
}

test('a value that can’t be true is refused with its range', async () => {
  const { app, phones: [phone], visit, task } = await scene.set({ task: { task_type: 'vitals', title: 'Pulse' } })
  await phone.edit('visit_tasks', task, { data: { heart_rate: { value: 900, unit: 'bpm' } } })
  await phone.edit('visits', visit, { notes: 'Ate well' })
  await phone.sync()

  assert.deepEqual(lastPush(phone).experimentalRejectedIds, { visit_tasks: [task] })
  const [{ reason }] = await app.quarantine(task)
  assert.match(reason, /20.*300/)

  await phone.edit('visit_tasks', task, { data: { heart_rate: { value: 90, unit: 'bpm' } } })
  await phone.sync()
  assert.equal(await phone.unsent(), 0, 'corrected, it is taken')
})

test('a deletion that is not the nurse’s to make is refused, and the record comes back', async () => {
  const { app, coordinator, phones: [phone], visit } = await scene.set()
  await phone.remove('visits', visit)
  await phone.sync()
  assert.deepEqual(lastPush(phone).rejected.map(({ id }) => id), [visit])
  assert.equal((await app.quarantine(visit)).length, 1)
  assert.equal(await phone.row('visits', visit), null)
  await phone.sync()

  assert.equal((await phone.row('visits', visit)).id, visit)
  assert.equal(await phone.unsent(), 0)
  assert.equal((await coordinator.want('GET', `/v1/visits/${visit}`)).id, visit)
})

test('an emoji that was cut in half stays on the phone, and the rest of the shift arrives', async () => {
  const { app, coordinator, phones: [phone], visit, task } = await scene.set()
  await phone.edit('visits', visit, { notes: 'Smiled 😀'.slice(0, -1) })
  await phone.edit('visit_tasks', task, { outcome: 'Ate well' })
  await phone.sync()
  assert.deepEqual(lastPush(phone).experimentalRejectedIds, { visits: [visit] })
  const tasks = await coordinator.want('GET', `/v1/visits/${visit}/tasks`)
  assert.equal(tasks.items.find(({ id }) => id === task).outcome, 'Ate well')
  assert.match((await app.quarantine(visit))[0].body, /Smiled .ud83d/)

  await phone.edit('visits', visit, { notes: 'Smiled' })
  await phone.sync()
  assert.equal(await phone.unsent(), 0)
})

test('ids that are none, tables that are none: each is kept, none stops the others', async () => {
  const { app, coordinator, phones: [phone], visit } = await scene.set()
  const row = { ...emptyVisit(phone), _status: 'updated', _changed: 'notes' }
  const changes = {
    visits: { created: [], updated: [{ ...row, id: 'abc', notes: 'x' },
      { ...(await phone.row('visits', visit)), _changed: 'notes', notes: 'good' }], deleted: ['7'] },
    recipes: { created: [{ id: uuid7(), title: 'Soup' }], updated: [], deleted: [] },
  }
  const answer = await phone.session.want('POST', `/v1/sync?last_pulled_at=${await phone.lastPulledAt()}`, { changes })
  assert.equal((await coordinator.want('GET', `/v1/visits/${visit}`)).notes, 'good')
  assert.deepEqual(answer.experimentalRejectedIds.visits.toSorted(), ['7', 'abc'])
  assert.equal(answer.experimentalRejectedIds.recipes.length, 1)
  assert.equal((await app.quarantine('abc')).length, 1)
})
