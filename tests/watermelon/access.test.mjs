// Clients granted and taken away. What a nurse did before she was told is taken; nothing of others' is shown.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NoSignal } from './device.mjs'
import { stage } from './stage.mjs'

const scene = await stage()
const colleague = await scene.app.nurse()

const holds = async (phone, client) => {
  const visits = (await phone.rows('visits')).filter(({ client_id }) => client_id === client)
  const ids = new Set(visits.map(({ id }) => id))
  const tasks = (await phone.rows('visit_tasks')).filter(({ visit_id }) => ids.has(visit_id))
  return { client: (await phone.row('clients', client)) !== null, visits: visits.length, tasks: tasks.length }
}

const WHOLE = { client: true, visits: 1, tasks: 1 }
const GONE = { client: false, visits: 0, tasks: 0 }

/** Until there is nothing new. */
async function catchUp(phone) {
  for (let times = 0; times < 3; times += 1) await phone.sync()
}

test('a newly granted client arrives whole', async () => {
  const { app, nurse, phones: [phone] } = await scene.set()
  const client = await app.client()
  await app.task(await app.visit(client, colleague))
  await phone.sync()
  assert.deepEqual(await holds(phone, client), GONE, 'a colleague’s client is not the nurse’s')

  await app.join(client, nurse)
  await phone.sync()
  assert.deepEqual(await holds(phone, client), WHOLE)
})

test('a visit given to the nurse brings its client', async () => {
  const { app, nurse, phones: [phone] } = await scene.set()
  const client = await app.client()
  await app.task(await app.visit(client, nurse))
  await phone.sync()
  assert.deepEqual(await holds(phone, client), WHOLE)
})

test('a client is taken away only after the phone’s work for it has come', async () => {
  const { app, nurse, coordinator, phones: [phone, idle], client, visit, task } = await scene.set()
  await phone.edit('visits', visit, { notes: 'Fell in the kitchen' })
  const made = await phone.create('visit_tasks', { visit_id: visit, task_type: 'other', title: 'Fall',
    outcome: 'No injury' })
  await app.leave(client, nurse)

  await phone.syncOnce({ push: false })
  assert.deepEqual(await holds(phone, client), { client: true, visits: 1, tasks: 2 }, 'nothing goes while work waits')
  await catchUp(phone)
  await catchUp(idle)

  const stored = await coordinator.want('GET', `/v1/visits/${visit}`)
  assert.equal(stored.notes, 'Fell in the kitchen')
  assert.deepEqual(stored.tasks.map(({ id }) => id).sort(), [task, made].sort())
  assert.deepEqual(await holds(phone, client), GONE)
  assert.deepEqual(await holds(idle, client), GONE)
  assert.equal(await phone.unsent(), 0)
  assert.deepEqual(await app.quarantine(), [])
})

test('work written after a push, before the next pull, is not taken away either', async () => {
  const { app, nurse, coordinator, phones: [phone], client, visit } = await scene.set()
  await app.leave(client, nurse)
  await phone.edit('visits', visit, { notes: 'first note' })
  await phone.sync()
  await phone.edit('visits', visit, { notes: 'second note' })
  await catchUp(phone)

  const kept = [await coordinator.want('GET', `/v1/visits/${visit}`), await app.quarantine(visit)]
  assert.match(JSON.stringify(kept), /second note/)
})

test('work written after an answer with the deletions was lost is not taken away', async () => {
  const { app, nurse, coordinator, phones: [phone], client, visit } = await scene.set()
  await app.leave(client, nurse)
  await phone.sync()
  phone.troubles.pull.push({ lost: 'answer' })
  await assert.rejects(phone.sync(), NoSignal)
  await phone.edit('visits', visit, { notes: 'Back at the door' })
  await catchUp(phone)

  assert.equal((await coordinator.want('GET', `/v1/visits/${visit}`)).notes, 'Back at the door')
  assert.deepEqual(await holds(phone, client), GONE)
})

test('a client taken away and given back between two syncs stays', async () => {
  const { app, nurse, coordinator, phones: [phone], client, visit } = await scene.set()
  await phone.edit('visits', visit, { notes: 'Ate well' })
  await app.leave(client, nurse)
  await app.join(client, nurse)
  await catchUp(phone)

  assert.deepEqual(await holds(phone, client), WHOLE)
  assert.equal((await coordinator.want('GET', `/v1/visits/${visit}`)).notes, 'Ate well')
})

test('a client taken away and given back later comes whole again', async () => {
  const { app, nurse, coordinator, phones: [phone, lost], client, visit } = await scene.set()
  await app.leave(client, nurse)
  await catchUp(phone)
  await lost.sync()
  assert.deepEqual(await holds(phone, client), GONE)
  await coordinator.want('PATCH', `/v1/visits/${visit}`, { notes: 'Ring twice' })
  await app.join(client, nurse)
  for (const each of [phone, lost]) {
    await catchUp(each)
    assert.deepEqual(await holds(each, client), WHOLE)
    assert.equal((await each.row('visits', visit)).notes, 'Ring twice')
  }
})

test('a deletion on its way when the client is given back doesn’t remove it', async () => {
  const { app, nurse, phones: [phone], client } = await scene.set()
  await app.leave(client, nurse)
  await phone.sync()
  // The answer that deletes is lost, and the client is the nurse's again.
  phone.troubles.pull.push({ lost: 'answer' })
  await assert.rejects(phone.sync(), NoSignal)
  await app.join(client, nurse)
  await catchUp(phone)
  assert.deepEqual(await holds(phone, client), WHOLE)
})

test('what is done after the phone was told is refused', async () => {
  const { app, nurse, coordinator, phones: [phone], client, visit } = await scene.set()
  const backup = await phone.save()
  await app.leave(client, nurse)
  await catchUp(phone)
  // By a cursor that moves the server knows that the deletions have arrived.
  await coordinator.want('PATCH', `/v1/visits/${visit}`, { notes: 'for the colleague' })
  await catchUp(phone)
  assert.deepEqual(await holds(phone, client), GONE)

  // The phone's owner puts an old backup on it, where the client still is.
  const cursor = await phone.lastPulledAt()
  await phone.restart({ saved: backup })
  await phone.database.adapter.setLocal('__watermelon_last_pulled_at', String(cursor))
  await phone.edit('visits', visit, { notes: 'too late' })
  await phone.sync()
  assert.equal((await coordinator.want('GET', `/v1/visits/${visit}`)).notes, 'for the colleague')
  const [refused] = await app.quarantine(visit)
  assert.equal(refused.body.notes, 'too late')
})

test('what was refused doesn’t keep a client on the phone', async () => {
  const { app, nurse, phones: [phone], client, visit } = await scene.set()
  // A visit can't be moved by who makes it.
  await phone.edit('visits', visit, ({ scheduled_end }) => ({ scheduled_end: scheduled_end + 60_000 }))
  await catchUp(phone)
  assert.equal(await phone.unsent(), 1)
  await app.leave(client, nurse)
  await catchUp(phone)
  assert.deepEqual(await holds(phone, client), GONE)
})

test('a client who is removed leaves like one taken away', async () => {
  const { app, coordinator, phones: [phone], client, visit } = await scene.set()
  await phone.edit('visits', visit, { notes: 'Moved to a hospice' })
  await coordinator.want('DELETE', `/v1/clients/${client}`)
  await catchUp(phone)

  assert.deepEqual(await holds(phone, client), GONE)
  const kept = [await app.conflicts(visit), await app.quarantine(visit),
    await coordinator.ask('GET', `/v1/visits/${visit}`)]
  assert.match(JSON.stringify(kept), /Moved to a hospice/)
})

test('a care aide gets the client without the care plan', async () => {
  const { app } = await scene.set()
  const aide = await app.aide()
  const client = await app.client({ team: [aide] })
  await app.coordinator.want('PUT', `/v1/clients/${client}/care-plan`, {
    summary: 'Type 2 diabetes',
    goals: [],
    allergies: [],
    medications: [],
    instructions: [],
  })
  const phone = await app.phone(aide)
  await phone.sync()
  const row = await phone.row('clients', client)
  assert.equal(row.first_name, 'Alma')
  assert.equal(row.care_plan, null)
})
