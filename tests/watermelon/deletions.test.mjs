// Deleting against editing: the deletion stands, and no note is lost.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stage } from './stage.mjs'

const scene = await stage()

const keeps = (conflicts, text) => conflicts.some((conflict) => JSON.stringify(conflict).includes(text))

test('what one phone removes leaves the other', async () => {
  const { coordinator, phones: [one, two], visit, task } = await scene.set()
  await one.remove('visit_tasks', task)
  await one.sync()
  for (let times = 0; times < 2; times += 1) await two.sync()

  assert.equal(await two.row('visit_tasks', task), null)
  assert.equal(await one.unsent(), 0)
  assert.deepEqual((await coordinator.want('GET', `/v1/visits/${visit}/tasks`)).items, [])
})

test('an edit that arrives after the deletion is kept as a conflict', async () => {
  const { app, phones: [one, two], task } = await scene.set()
  await two.remove('visit_tasks', task)
  await one.edit('visit_tasks', task, { outcome: 'Refused the soup' })
  await two.sync()
  for (let times = 0; times < 3; times += 1) await one.sync()

  assert.ok(keeps(await app.conflicts(task), 'Refused the soup'))
  assert.equal(await one.row('visit_tasks', task), null, 'the deletion stands')
  assert.equal(await one.unsent(), 0)
})

test('a deletion by somebody who had not seen the edit keeps it as a conflict', async () => {
  const { app, phones: [one, two], task } = await scene.set()
  await one.edit('visit_tasks', task, { outcome: 'Refused the soup' })
  await two.remove('visit_tasks', task)
  await one.sync()
  await two.sync()
  for (let times = 0; times < 2; times += 1) await one.sync()

  assert.ok(keeps(await app.conflicts(task), 'Refused the soup'))
  assert.equal(await one.row('visit_tasks', task), null)
})

test('a deletion by somebody who had seen the edit is no conflict', async () => {
  const { app, phones: [one, two], task } = await scene.set()
  await one.edit('visit_tasks', task, { outcome: 'Refused the soup' })
  await one.sync()
  await two.sync()
  await two.remove('visit_tasks', task)
  await two.sync()

  assert.deepEqual(await app.conflicts(task), [])
})

test('notes on a visit that the coordinator removes meanwhile are kept', async () => {
  const { app, coordinator, phones: [phone], visit, task } = await scene.set()
  await phone.edit('visits', visit, { notes: 'Nobody was at home' })
  await phone.edit('visit_tasks', task, { outcome: 'Left the soup outside' })
  await coordinator.want('DELETE', `/v1/visits/${visit}`)
  for (let times = 0; times < 3; times += 1) await phone.sync()

  assert.ok(keeps(await app.conflicts(visit), 'Nobody was at home'))
  const kept = [await app.conflicts(task), await app.quarantine(task)].flat()
  assert.ok(keeps(kept, 'Left the soup outside'))
  assert.equal(await phone.row('visits', visit), null)
})

test('a deletion waits until the phone’s own work has come', async () => {
  const { coordinator, phones: [phone], visit, task } = await scene.set()
  const other = await scene.app.task(visit, { title: 'Walk' })
  await phone.sync()
  await coordinator.want('DELETE', `/v1/visits/${visit}/tasks/${task}`)
  await phone.edit('visit_tasks', other, { outcome: 'Around the block' })

  const { changes } = await phone.syncOnce({ push: false })
  assert.deepEqual(changes.visit_tasks.deleted, [], 'not while something waits to be sent')
  await phone.sync()
  const last = await phone.sync()
  assert.equal(await phone.row('visit_tasks', task), null)
  assert.equal((await phone.row('visit_tasks', other)).outcome, 'Around the block')
  assert.deepEqual(last.changes.visits.deleted, [])
})

test('a deletion comes again until it has arrived, and then no more', async () => {
  const { coordinator, phones: [phone], visit, task } = await scene.set()
  await coordinator.want('DELETE', `/v1/visits/${visit}/tasks/${task}`)
  for (let times = 0; times < 2; times += 1) {
    phone.troubles.pull.push({ lost: 'answer' })
    await assert.rejects(phone.sync())
  }
  const seen = []
  for (let times = 0; times < 4; times += 1) {
    seen.push((await phone.sync()).changes.visit_tasks.deleted.includes(task))
    // A cursor that stands still can't tell that an answer arrived.
    await coordinator.want('PATCH', `/v1/visits/${visit}`, { notes: `${times}` })
  }
  assert.ok(seen.includes(true))
  assert.equal(seen.at(-1), false)
  assert.equal(await phone.row('visit_tasks', task), null)
})

test('an edit by others doesn’t bring back what this phone removed', async () => {
  const { coordinator, phones: [phone], visit, task } = await scene.set()
  await phone.remove('visit_tasks', task)
  await coordinator.want('PATCH', `/v1/visits/${visit}/tasks/${task}`, { title: 'Lunch, no salt' })
  for (let times = 0; times < 2; times += 1) await phone.sync()

  assert.equal(await phone.row('visit_tasks', task), null)
  assert.equal(await phone.unsent(), 0)
})

test('a record made and removed before the server knew of it is no trouble', async () => {
  const { phones: [phone], visit } = await scene.set()
  const task = await phone.create('visit_tasks', { visit_id: visit, task_type: 'meals', title: 'Tea' })
  await phone.remove('visit_tasks', task)
  await phone.sync()
  assert.equal(await phone.unsent(), 0)
})
