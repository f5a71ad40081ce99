// The server is restored from its backup, or the phone from its own.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { takeComplaints } from './complaints.mjs'
import { inTransaction, sql } from './database.mjs'
import { NoSignal } from './device.mjs'
import { stage, withoutTime } from './stage.mjs'

const scene = await stage()

/** What a restore does, with `lost` among what the backup didn't have yet. */
async function restoreServer({ agency }, lost) {
  await inTransaction(async (sql) => {
    // As a backup would lack the row: no trigger may number or log its going.
    await sql(`set local session_replication_role = replica`)
    await sql('delete from visit_tasks where id = $1', lost)
    await sql('delete from sync_log where record_id = $1', lost)
    await sql('update agency_counters set epoch = epoch + 1 where agency_id = $1', agency)
  })
}

async function epochOf({ agency }) {
  const [{ epoch }] = await sql('select epoch from agency_counters where agency_id = $1', agency)
  return epoch
}

const epochIn = (cursor) => Math.floor(cursor / 2 ** 40)

async function catchUp(phone) {
  for (let times = 0; times < 3; times += 1) await phone.sync()
}

/** A phone with everything that can be on it when the server is restored. */
async function before() {
  const set = await scene.set()
  const { app, visit, phones: [phone] } = set
  const lost = await app.task(visit, { title: 'not in the backup' })
  await phone.sync()
  await phone.edit('visits', visit, { notes: 'unsent note' })
  const tea = { visit_id: visit, task_type: 'meals', title: 'Tea', outcome: 'unsent task' }
  const created = await phone.create('visit_tasks', tea)
  await phone.remove('visit_tasks', set.task)
  await restoreServer(app, lost)
  return { ...set, lost, created }
}

async function check({ app, coordinator, phones: [phone, other], visit, task, lost, created }) {
  const stored = await coordinator.want('GET', `/v1/visits/${visit}`)
  assert.equal(stored.notes, 'unsent note')
  assert.deepEqual(stored.tasks.map(({ id, outcome }) => [id, outcome]), [[created, 'unsent task']])
  await catchUp(other)
  for (const each of [phone, other]) {
    assert.equal((await each.row('visits', visit)).notes, 'unsent note')
    assert.notEqual(await each.row('visit_tasks', created), null)
    assert.equal(await each.row('visit_tasks', lost), null, 'what the server no longer has is gone')
    assert.equal(await each.row('visit_tasks', task), null)
    assert.equal(await each.unsent(), 0)
    assert.equal(epochIn(await each.lastPulledAt()), await epochOf(app))
  }
  for (const table of ['clients', 'visits', 'visit_tasks']) {
    assert.deepEqual((await phone.rows(table)).map(withoutTime), (await other.rows(table)).map(withoutTime))
  }
}

test('after a restore of the server the phone starts again and loses nothing unsent', async () => {
  const set = await before()
  const [phone] = set.phones
  const first = await phone.syncOnce({ push: false })
  for (const lists of Object.values(first.changes)) assert.deepEqual(lists, { created: [], updated: [], deleted: [] })
  assert.equal(first.has_more, true, 'the rest need not wait for the next synchronisation')
  assert.equal(await phone.unsent(), 3)
  await phone.sync()
  assert.ok(phone.traffic.some(({ answer }) => answer?.experimentalStrategy === 'replacement'))
  await check(set)
})

test('whichever answer is lost on the way', async () => {
  for (const kind of ['pull', 'push', 'replacement']) {
    const set = await before()
    const [phone] = set.phones
    if (kind === 'replacement') await phone.syncOnce()
    phone.troubles[kind === 'push' ? 'push' : 'pull'].push({ lost: 'answer' })
    await assert.rejects(phone.sync(), NoSignal)
    await catchUp(phone)
    await check(set)
  }
})

test('what is written while the phone is replaced is kept', async () => {
  const set = await before()
  const { coordinator, visit, phones: [phone] } = set
  await phone.syncOnce()
  phone.troubles.pull.push({ during: () => phone.edit('visits', visit, { family_note: 'during' }) })
  await catchUp(phone)
  assert.equal((await coordinator.want('GET', `/v1/visits/${visit}`)).family_note, 'during')
  await check(set)
})

test('a phone with nothing unsent is replaced as well', async () => {
  const { app, visit, phones: [phone] } = await scene.set()
  const lost = await app.task(visit)
  await phone.sync()
  await restoreServer(app, lost)
  await catchUp(phone)
  assert.equal(await phone.row('visit_tasks', lost), null)
  assert.notEqual(await phone.row('visits', visit), null)
  assert.equal(epochIn(await phone.lastPulledAt()), await epochOf(app))
})

test('a cursor from the future is one that can’t be served', async () => {
  const { visit, phones: [phone, other] } = await scene.set()
  await phone.database.adapter.setLocal('__watermelon_last_pulled_at', String((await phone.lastPulledAt()) + 1_000_000))
  await other.edit('visits', visit, { notes: 'of the other phone' })
  await other.sync()
  await phone.edit('visits', visit, { family_note: 'unsent' })
  await catchUp(phone)
  const { notes, family_note } = await phone.row('visits', visit)
  assert.deepEqual({ notes, family_note }, { notes: 'of the other phone', family_note: 'unsent' })
  const complaints = takeComplaints()
  assert.equal(complaints.length, 1)
  assert.match(complaints[0], /previous pulled-at time was greater/)
})

test('a phone restored from its own backup loses nothing', async () => {
  const { app, phones: [phone, other], visit, task } = await scene.set()
  await phone.edit('visits', visit, { notes: 'old note' })
  const backup = await phone.save()
  await phone.sync()
  await phone.edit('visits', visit, { notes: 'new note' })
  const made = await phone.create('visit_tasks', { visit_id: visit, task_type: 'meals', title: 'Tea' })
  await phone.remove('visit_tasks', task)
  await catchUp(phone)

  await phone.restart({ saved: backup })
  for (const each of [phone, other, phone]) await catchUp(each)
  for (const table of ['visits', 'visit_tasks']) {
    assert.deepEqual((await phone.rows(table)).map(withoutTime), (await other.rows(table)).map(withoutTime))
  }
  assert.notEqual(await phone.row('visit_tasks', made), null)
  assert.equal(await phone.row('visit_tasks', task), null)
  const kept = [await phone.row('visits', visit), await app.conflicts(visit)]
  assert.match(JSON.stringify(kept), /new note/)
})
