// Edits made at the same time are merged field by field; of two for one field, the loser is kept.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stage, withoutTime } from './stage.mjs'

const scene = await stage({ phones: 3 })

const reading = (rate) => ({ heart_rate: { value: rate, unit: 'bpm' } })

test('edits of different fields both survive', async () => {
  const { app, phones: [one, two], visit } = await scene.set()
  await one.edit('visits', visit, { notes: 'Ate well' })
  await two.edit('visits', visit, { family_note: 'A good morning' })
  for (const phone of [one, two, one, two]) await phone.sync()

  for (const phone of [one, two]) {
    const { notes, family_note } = await phone.row('visits', visit)
    assert.deepEqual({ notes, family_note }, { notes: 'Ate well', family_note: 'A good morning' })
  }
  assert.deepEqual(await one.row('visits', visit), await two.row('visits', visit))
  assert.deepEqual(await app.conflicts(visit), [])
})

test('three phones each write a field of one task', async () => {
  const { app, phones, task } = await scene.set()
  const edits = [{ title: 'Soup' }, { outcome: 'Half of it' }, { completed: true, completed_at: Date.now() }]
  for (const [index, phone] of phones.entries()) await phone.edit('visit_tasks', task, edits[index])
  await Promise.all(phones.map((phone) => phone.sync()))
  for (const phone of phones) await phone.sync()

  const rows = await Promise.all(phones.map((phone) => phone.row('visit_tasks', task)))
  for (const row of rows) assert.deepEqual(row, rows[0])
  const { title, outcome, completed } = rows[0]
  assert.deepEqual({ title, outcome, completed }, { title: 'Soup', outcome: 'Half of it', completed: true })
  assert.deepEqual(await app.conflicts(task), [])
})

test('of the same field, the later arrival wins and the loser is in /conflicts', async () => {
  const { app, nurse, coordinator, phones: [one, two], visit } = await scene.set()
  await two.edit('visits', visit, { notes: 'written first, arrives last' })
  await one.edit('visits', visit, { notes: 'arrives first' })
  for (const phone of [one, two, one]) await phone.sync()

  for (const phone of [one, two]) assert.equal((await phone.row('visits', visit)).notes, 'written first, arrives last')
  const [conflict, ...more] = await app.conflicts(visit)
  assert.deepEqual(more, [])
  assert.equal(conflict.table_name, 'visits')
  assert.equal(conflict.column_name, 'notes')
  assert.equal(conflict.server_value, 'arrives first')
  assert.equal(conflict.device_value, 'written first, arrives last')
  assert.equal(conflict.device_user_id, nurse.id)
  const { items } = await coordinator.want('GET', '/v1/conflicts?status=auto_resolved&limit=200')
  assert.ok(items.some(({ record_id, server_value }) => record_id === visit && server_value === 'arrives first'))
})

test('the same value twice is no conflict', async () => {
  const { app, phones: [one, two], visit } = await scene.set()
  for (const phone of [one, two]) await phone.edit('visits', visit, { notes: 'No answer at the door' })
  for (const phone of [one, two, one, two]) await phone.sync()

  assert.deepEqual(withoutTime(await one.row('visits', visit)), withoutTime(await two.row('visits', visit)))
  assert.deepEqual(await app.conflicts(visit), [])
})

test('an edit on top of what another phone wrote is no conflict', async () => {
  const { app, phones: [one, two], visit } = await scene.set()
  await one.edit('visits', visit, { notes: 'Ate' })
  for (const phone of [one, two]) await phone.sync()
  await two.edit('visits', visit, { notes: 'Ate well' })
  for (const phone of [two, one]) await phone.sync()

  assert.equal((await one.row('visits', visit)).notes, 'Ate well')
  assert.deepEqual(await app.conflicts(visit), [])
})

test('what the coordinator writes meanwhile is merged too', async () => {
  const { app, coordinator, phones: [phone], visit, task } = await scene.set()
  await phone.edit('visits', visit, { notes: 'of the nurse' })
  await phone.edit('visit_tasks', task, { outcome: 'of the nurse' })
  await coordinator.want('PATCH', `/v1/visits/${visit}`, { family_note: 'of the coordinator' })
  await coordinator.want('PATCH', `/v1/visits/${visit}/tasks/${task}`, { outcome: 'of the coordinator' })
  for (let times = 0; times < 2; times += 1) await phone.sync()

  const { notes, family_note } = await phone.row('visits', visit)
  assert.deepEqual({ notes, family_note }, { notes: 'of the nurse', family_note: 'of the coordinator' })
  assert.equal((await phone.row('visit_tasks', task)).outcome, 'of the nurse')
  const conflicts = await app.conflicts(task)
  assert.deepEqual(conflicts.map(({ server_value }) => server_value), ['of the coordinator'])
  assert.equal(conflicts[0].server_user_id, coordinator.user.id)
})

test('two readings wait for a person, and the phones show what she decides', async () => {
  const { coordinator, phones: [one, two], task } = await scene.set({ task: { task_type: 'vitals', title: 'Pulse' } })
  await one.edit('visit_tasks', task, { data: reading(72) })
  await two.edit('visit_tasks', task, { data: reading(135), outcome: 'Called the doctor' })
  for (const phone of [one, two, one, two]) await phone.sync()

  for (const phone of [one, two]) {
    const row = await phone.row('visit_tasks', task)
    assert.deepEqual(JSON.parse(row.data), reading(72), 'the server’s value stays')
    assert.equal(row.outcome, 'Called the doctor', 'what is not clinical is merged')
  }
  const { items } = await coordinator.want('GET', '/v1/conflicts?limit=200')
  const conflict = items.find(({ record_id }) => record_id === task)
  assert.equal(conflict.column, 'data')
  assert.equal(conflict.status, 'needs_review')
  assert.deepEqual(conflict.server_value, reading(72))
  assert.deepEqual(conflict.device_value, reading(135))

  await coordinator.want('POST', `/v1/conflicts/${conflict.id}/resolve`, { keep: 'device' })
  for (const phone of [one, two]) {
    await phone.sync()
    assert.deepEqual(JSON.parse((await phone.row('visit_tasks', task)).data), reading(135))
  }
  const after = await coordinator.want('GET', '/v1/conflicts?limit=200')
  assert.ok(!after.items.some(({ id }) => id === conflict.id), 'a settled one no longer waits')
})

test('a phone whose reading waits for a person shows the one that stands', async () => {
  const { phones: [one, two], task } = await scene.set({ task: { task_type: 'vitals', title: 'Pulse' } })
  await one.edit('visit_tasks', task, { data: reading(72) })
  await two.edit('visit_tasks', task, { data: reading(135) })
  for (const phone of [one, two, one, two]) await phone.sync()

  for (const phone of [one, two]) assert.deepEqual(JSON.parse((await phone.row('visit_tasks', task)).data), reading(72))
})

test('a check-in at a visit that was called off meanwhile waits for the coordinator, and the notes are kept',
  async () => {
  const { app, nurse, coordinator, phones: [phone, other], client, visit } = await scene.set()
  // Or the client would leave the phone with her only visit there.
  await app.join(client, nurse)
  const came = Date.now() - 600_000
  await coordinator.want('POST', `/v1/visits/${visit}/cancel`, { reason: 'In hospital' })
  await phone.edit('visits', visit, { status: 'in_progress', actual_start: came, notes: 'She is at home' })
  for (const each of [phone, phone, other]) await each.sync()

  const stored = await coordinator.want('GET', `/v1/visits/${visit}`)
  assert.equal(stored.status, 'cancelled')
  assert.equal(stored.notes, 'She is at home')
  const waiting = (await app.conflicts(visit)).filter(({ status }) => status === 'needs_review')
  assert.ok(waiting.some(({ column_name }) => column_name === 'actual_start'))
  assert.deepEqual(withoutTime(await phone.row('visits', visit)), withoutTime(await other.row('visits', visit)))
})

test('of two check-ins the first to arrive stays until a person decides', async () => {
  const { app, phones: [one, two], visit } = await scene.set()
  const [came, cameToo] = [Date.now() - 600_000, Date.now() - 300_000]
  await one.edit('visits', visit, { status: 'in_progress', actual_start: came })
  await two.edit('visits', visit, { status: 'in_progress', actual_start: cameToo, notes: 'of the second phone' })
  for (const phone of [one, two, one, two]) await phone.sync()

  for (const phone of [one, two]) {
    const row = await phone.row('visits', visit)
    assert.equal(row.actual_start, came)
    assert.equal(row.status, 'in_progress')
    assert.equal(row.notes, 'of the second phone')
  }
  const waiting = (await app.conflicts(visit)).filter(({ status }) => status === 'needs_review')
  assert.deepEqual(waiting.map(({ column_name }) => column_name), ['actual_start'])
})

test('a whole visit done without signal arrives at once', async () => {
  const { coordinator, phones: [phone, other], visit, task } = await scene.set()
  const [came, went] = [Date.now() - 1_800_000, Date.now()]
  await phone.edit('visits', visit, { status: 'in_progress', actual_start: came, check_in_latitude: 43.6425,
    check_in_longitude: -79.4475, check_in_accuracy_m: 12 })
  await phone.edit('visit_tasks', task, { completed: true, completed_at: came + 60_000, outcome: 'Soup and bread' })
  await phone.edit('visits', visit, { status: 'completed', actual_end: went, notes: 'A quiet day' })
  await phone.sync()
  await phone.sync()
  await other.sync()

  const stored = await coordinator.want('GET', `/v1/visits/${visit}`)
  assert.equal(stored.status, 'completed')
  assert.equal(Date.parse(stored.actual_start), came)
  assert.equal(Date.parse(stored.actual_end), went)
  assert.equal(stored.tasks[0].outcome, 'Soup and bread')
  const row = await phone.row('visits', visit)
  assert.ok(row.check_in_distance_m < 50, 'the server adds the distance')
  assert.deepEqual(row, await other.row('visits', visit))
})
