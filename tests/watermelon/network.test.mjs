// Answers that are lost, requests that come twice or late, writing while the phone synchronises.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from './database.mjs'
import { NoSignal } from './device.mjs'
import { stage } from './stage.mjs'

const scene = await stage()

/** Without those that only send a phone the server's own times, and that nothing of the row waits any more. */
const writesTo = async (record) => Number((await sql(`select count(*) from sync_log where record_id = $1
  and not (operation = 'update' and changed_columns <@ '{created_at,updated_at,written_by}')`, record))[0].count)

test('a push whose answer is lost comes again and changes nothing', async () => {
  const { app, phones: [phone], visit } = await scene.set()
  await phone.edit('visits', visit, { notes: 'Ate well' })
  phone.troubles.push.push({ lost: 'answer' })
  await assert.rejects(phone.sync(), NoSignal)
  assert.equal(await phone.unsent(), 1)
  const writes = await writesTo(visit)
  for (let times = 0; times < 2; times += 1) await phone.sync()

  assert.equal(await phone.unsent(), 0)
  assert.equal(await writesTo(visit), writes)
  assert.deepEqual(await app.conflicts(visit), [])
  assert.equal((await phone.row('visits', visit)).notes, 'Ate well')
})

test('a replay doesn’t undo what was written on top of it', async () => {
  const { app, phones: [one, two], visit } = await scene.set()
  await one.edit('visits', visit, { notes: 'Ate' })
  one.troubles.push.push({ lost: 'answer' })
  await assert.rejects(one.sync(), NoSignal)
  await two.sync()
  await two.edit('visits', visit, { notes: 'Ate well' })
  await two.sync()
  for (let times = 0; times < 2; times += 1) await one.sync()

  assert.equal((await one.row('visits', visit)).notes, 'Ate well')
  assert.deepEqual(await app.conflicts(visit), [])
})

test('nor when another field of the record was written too', async () => {
  const { app, phones: [one, two], visit } = await scene.set()
  await one.edit('visits', visit, { notes: 'Ate' })
  one.troubles.push.push({ lost: 'answer' })
  await assert.rejects(one.sync(), NoSignal)
  await two.sync()
  await two.edit('visits', visit, { notes: 'Ate well', family_note: 'A good day' })
  await two.sync()
  for (let times = 0; times < 2; times += 1) await one.sync()

  const { notes, family_note } = await one.row('visits', visit)
  assert.deepEqual({ notes, family_note }, { notes: 'Ate well', family_note: 'A good day' })
  assert.deepEqual(await app.conflicts(visit), [])
})

test('a push that arrives late, after a newer one of the same phone, doesn’t undo it', async () => {
  const { phones: [phone], visit } = await scene.set()
  await phone.edit('visits', visit, { notes: 'first thought' })
  phone.troubles.push.push({ lost: 'request' })
  await assert.rejects(phone.sync(), NoSignal)
  const late = phone.traffic.at(-1)
  await phone.edit('visits', visit, { notes: 'second thought' })
  await phone.sync()
  await phone.session.want('POST', late.path, late.body)
  for (let times = 0; times < 2; times += 1) await phone.sync()

  assert.equal((await phone.row('visits', visit)).notes, 'second thought')
})

test('nor does one that arrives between pull and push of the next synchronisation undo what was written since',
  async () => {
  const { app, coordinator, phones: [phone], visit } = await scene.set()
  await phone.edit('visits', visit, { notes: 'first thought' })
  phone.troubles.push.push({ lost: 'request' })
  await assert.rejects(phone.sync(), NoSignal)
  const late = phone.traffic.at(-1)
  await phone.edit('visits', visit, { notes: 'second thought' })
  phone.troubles.pull.push({ after: () => phone.session.want('POST', late.path, late.body) })
  for (let times = 0; times < 2; times += 1) await phone.sync()

  assert.equal((await phone.row('visits', visit)).notes, 'second thought')
  assert.equal((await coordinator.want('GET', `/v1/visits/${visit}`)).notes, 'second thought')
  assert.deepEqual(await app.conflicts(visit), [])
})

test('a push sent twice at once has one effect', async () => {
  const { app, phones: [one, two], visit, task } = await scene.set()
  await one.edit('visits', visit, { notes: 'Ate well' })
  await one.remove('visit_tasks', task)
  const made = await one.create('visit_tasks', { visit_id: visit, task_type: 'meals', title: 'Tea',
    outcome: 'Two cups' })
  one.troubles.push.push({ twice: true })
  for (const phone of [one, two, two]) await phone.sync()

  assert.equal(await writesTo(made), 1)
  assert.equal(await one.unsent(), 0)
  assert.equal((await two.row('visit_tasks', made)).outcome, 'Two cups')
  assert.equal(await two.row('visit_tasks', task), null)
  assert.deepEqual(await app.conflicts(visit), [])
})

test('phones that push at once both arrive', async () => {
  const { phones: [one, two], visit } = await scene.set()
  const made = await Promise.all(
    [one, two].map((phone, index) =>
      phone.create('visit_tasks', { visit_id: visit, task_type: 'meals', title: 'Tea', outcome: `of phone ${index}` }),
    ),
  )
  await one.edit('visits', visit, { notes: 'of phone 0' })
  await two.edit('visits', visit, { family_note: 'of phone 1' })
  await Promise.all([one.sync(), two.sync()])
  await Promise.all([one.sync(), two.sync()])

  for (const phone of [one, two]) {
    for (const [index, id] of made.entries()) {
      assert.equal((await phone.row('visit_tasks', id)).outcome, `of phone ${index}`)
    }
    const { notes, family_note } = await phone.row('visits', visit)
    assert.deepEqual({ notes, family_note }, { notes: 'of phone 0', family_note: 'of phone 1' })
  }
})

test('what is written while a push is under way goes with the next one', async () => {
  const { app, phones: [one, two], visit } = await scene.set()
  await one.edit('visits', visit, { notes: 'before' })
  one.troubles.push.push({ during: () => one.edit('visits', visit, { notes: 'during' }) })
  await one.sync()
  assert.equal(await one.unsent(), 1)
  for (const phone of [one, two]) await phone.sync()

  assert.equal((await two.row('visits', visit)).notes, 'during')
  assert.deepEqual(await app.conflicts(visit), [])
})

test('what is written while a pull is under way is kept', async () => {
  const { phones: [one, two], visit } = await scene.set()
  await two.edit('visits', visit, { family_note: 'of the other phone' })
  await two.sync()
  one.troubles.pull.push({ during: () => one.edit('visits', visit, { notes: 'during' }) })
  for (const phone of [one, two]) await phone.sync()

  const { notes, family_note } = await two.row('visits', visit)
  assert.deepEqual({ notes, family_note }, { notes: 'during', family_note: 'of the other phone' })
})

test('what is written while a deletion of the record is pulled is kept', async () => {
  const { app, coordinator, phones: [phone], visit, task } = await scene.set()
  await coordinator.want('DELETE', `/v1/visits/${visit}/tasks/${task}`)
  await phone.sync()
  assert.notEqual(await phone.row('visit_tasks', task), null, 'a deletion comes one pull late')
  phone.troubles.pull.push({ during: () => phone.edit('visit_tasks', task, { outcome: 'Refused the soup' }) })
  for (let times = 0; times < 3; times += 1) await phone.sync()

  assert.equal(await phone.row('visit_tasks', task), null)
  assert.match(JSON.stringify(await app.conflicts(task)), /Refused the soup/)
})

test('a pull whose answer is lost misses nothing', async () => {
  const { coordinator, phones: [phone], visit } = await scene.set()
  await coordinator.want('PATCH', `/v1/visits/${visit}`, { notes: 'Ring twice' })
  phone.troubles.pull.push({ lost: 'answer' })
  await assert.rejects(phone.sync(), NoSignal)
  await phone.sync()
  assert.equal((await phone.row('visits', visit)).notes, 'Ring twice')
})

test('an edit on a record whose creation was not answered arrives once', async () => {
  const { app, phones: [one, two], visit } = await scene.set()
  const task = await one.create('visit_tasks', { visit_id: visit, task_type: 'meals', title: 'Tea',
    outcome: 'One cup' })
  one.troubles.push.push({ lost: 'answer' })
  await assert.rejects(one.sync(), NoSignal)
  await one.edit('visit_tasks', task, { outcome: 'Two cups' })
  for (const phone of [one, two]) await phone.sync()

  assert.equal((await two.row('visit_tasks', task)).outcome, 'Two cups')
  assert.deepEqual(await app.conflicts(task), [])
})

test('an access token that has run out is exchanged on the way', async () => {
  const { coordinator, phones: [phone], visit } = await scene.set()
  await phone.edit('visits', visit, { notes: 'Ate well' })
  phone.session.spoilAccessToken()
  phone.troubles.push.push({})
  phone.troubles.pull.push({ after: () => phone.session.spoilAccessToken() })
  await phone.sync()
  assert.equal((await coordinator.want('GET', `/v1/visits/${visit}`)).notes, 'Ate well')
})

test('an app that is killed after a pull or a push goes on where it was', async () => {
  const { phones: [one, two], visit, task } = await scene.set()
  await two.edit('visits', visit, { notes: 'of the other phone' })
  await two.sync()
  await one.edit('visit_tasks', task, { outcome: 'Ate well' })
  await one.sync({ push: false })
  await one.restart()
  one.troubles.push.push({ lost: 'answer' })
  await assert.rejects(one.sync(), NoSignal)
  await one.restart()
  for (const phone of [one, two]) await phone.sync()

  assert.equal((await one.row('visits', visit)).notes, 'of the other phone')
  assert.equal((await two.row('visit_tasks', task)).outcome, 'Ate well')
  assert.equal(await one.unsent(), 0)
})
