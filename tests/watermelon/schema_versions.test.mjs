// Apps of different ages: an old one, one that was just updated, one newer than the server.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NoSignal } from './device.mjs'
import { LIMITS } from './parts.mjs'
import { NEWEST, schemaOf } from './schema.mjs'
import { stage } from './stage.mjs'

const scene = await stage()

/** A visit with what only version 2 knows: a note for the family, and an alert. */
async function begin(version) {
  const set = await scene.set({ version })
  const { app, nurse, coordinator, phones: [, other], client, visit } = set
  await other.restart({ version: NEWEST, saved: null })
  await other.sync()
  await coordinator.want('PATCH', `/v1/visits/${visit}`, { family_note: 'A good day' })
  const alert = await other.create('alerts', {
    client_id: client,
    visit_id: visit,
    raised_by: nurse.id,
    severity: 'low',
    reason: 'supplies',
    message: 'Gloves are out',
    status: 'open',
    escalation_level: 0,
  })
  await other.sync()
  return { ...set, app, alert }
}

test('the phone’s schema is the one that the server tells', async () => {
  const { phones: [phone] } = await scene.set()
  const served = await phone.session.want('GET', '/v1/sync/schema')
  assert.equal(served.version, NEWEST)
  assert.deepEqual(served.push, LIMITS)
  for (const { version, tables } of served.versions) {
    const ours = Object.values(schemaOf(version).tables)
    assert.deepEqual(tables, ours.map(({ name, columnArray }) => ({ name, columns: columnArray })))
  }
})

test('an updated app gets what is new in one sync, and asks once', async () => {
  const { phones: [phone], visit, alert } = await begin(1)
  await phone.sync()
  assert.equal((await phone.row('visits', visit)).family_note, undefined)

  await phone.restart({ version: 2 })
  await phone.sync()
  assert.equal(phone.log.migration.from, 1)
  assert.equal((await phone.row('visits', visit)).family_note, 'A good day')
  assert.equal((await phone.row('alerts', alert)).message, 'Gloves are out')

  await phone.sync()
  assert.equal(phone.log.migration, null)
})

test('an update loses nothing unsent, nor does a lost answer to its first pull', async () => {
  const { coordinator, phones: [phone], visit, alert } = await begin(1)
  await phone.sync()
  await phone.edit('visits', visit, { notes: 'written before the update' })
  await phone.restart({ version: 2 })
  phone.troubles.pull.push({ lost: 'answer' })
  await assert.rejects(phone.sync(), NoSignal)
  for (let times = 0; times < 2; times += 1) await phone.sync()

  const { notes, family_note } = await phone.row('visits', visit)
  assert.deepEqual({ notes, family_note }, { notes: 'written before the update', family_note: 'A good day' })
  assert.notEqual(await phone.row('alerts', alert), null)
  assert.equal((await coordinator.want('GET', `/v1/visits/${visit}`)).notes, 'written before the update')
})

test('what an old app doesn’t know keeps its value', async () => {
  const { app, coordinator, phones: [old, other], visit } = await begin(1)
  await old.sync()
  await old.edit('visits', visit, { notes: 'of the old app' })
  for (const phone of [old, old, other]) await phone.sync()

  const stored = await coordinator.want('GET', `/v1/visits/${visit}`)
  assert.deepEqual([stored.notes, stored.family_note], ['of the old app', 'A good day'])
  assert.equal((await other.row('visits', visit)).family_note, 'A good day')
  assert.deepEqual(await app.conflicts(visit), [])
})

test('an app newer than the server is told so, and its work is still taken', async () => {
  const { coordinator, phones: [phone], visit } = await scene.set()
  await phone.restart({ version: NEWEST + 1 })
  await phone.edit('visits', visit, { notes: 'of a newer app' })
  const answer = await phone.sync()
  assert.equal(answer.upgrade_required, true)
  assert.equal((await coordinator.want('GET', `/v1/visits/${visit}`)).notes, 'of a newer app')
  assert.notEqual(await phone.row('visits', visit), null)
})

test('a newer app that has never synchronised is told so too', async () => {
  const { phones: [phone] } = await scene.set()
  await phone.restart({ version: NEWEST + 1, saved: null })
  const answer = await phone.sync()
  assert.equal(answer.upgrade_required, true)
  // With what the server knows, everything comes.
  await phone.restart({ version: NEWEST, saved: null })
  await phone.sync()
  assert.ok((await phone.rows('clients')).length > 0)
})

test('an app that learns to say who writes is sent nothing again for it', async () => {
  const { phones: [phone], visit } = await scene.set({ version: 2 })
  await phone.restart({ version: 3 })
  const { changes } = await phone.sync()
  assert.equal(phone.log.migration.from, 2)
  assert.deepEqual(Object.values(changes).flatMap((lists) => Object.values(lists).flat()), [])
  assert.equal((await phone.row('visits', visit)).written_by, null)
})
