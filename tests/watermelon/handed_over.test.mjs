// A phone that changes hands with unsent work on it: another user signs in, as a new device, over the same database.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Device } from './device.mjs'
import { stage } from './stage.mjs'

const scene = await stage({ phones: 1 })
const successor = await scene.app.nurse()

/** The phone of the former user, as `successor` has it from now on. */
async function handOver(phone) {
  const { session } = await scene.app.phone(successor)
  return new Device(session, { saved: await phone.save() })
}

const alertOf = (client, user) => ({ client_id: client, raised_by: user.id, severity: 'low', reason: 'fall',
  status: 'open', escalation_level: 0 })

test('what the former user wrote waits under both names, and counts as nobody’s', async () => {
  const { app, nurse, coordinator, phones: [former], client, visit } = await scene.set()
  await app.join(client, successor)
  await former.sync()
  await former.edit('visits', visit, { notes: 'of the former user' })
  const alert = await former.create('alerts', alertOf(client, nurse))
  const phone = await handOver(former)
  // Whoever writes on such a row next doesn't make it theirs.
  await phone.edit('visits', visit, { family_note: 'of the new user' })
  const own = await phone.create('alerts', alertOf(client, successor))
  for (let times = 0; times < 3; times += 1) await phone.sync()

  const alerts = await coordinator.want('GET', `/v1/alerts?client_id=${client}`)
  assert.deepEqual(alerts.items.map(({ id, raised_by }) => [id, raised_by]), [[own, successor.id]])
  const stored = await coordinator.want('GET', `/v1/visits/${visit}`)
  assert.deepEqual([stored.notes ?? null, stored.family_note ?? null], [null, null])
  for (const record of [alert, visit]) {
    const kept = await app.quarantine(record)
    assert.ok(kept.length > 0)
    for (const { user_id, written_by } of kept) {
      assert.deepEqual([user_id, written_by], [successor.id, nurse.id])
    }
  }
  assert.equal((await app.quarantine(visit))[0].body.notes, 'of the former user', 'verbatim')
  // The former user finds it again, on whatever device.
  const { refused } = await former.session.want('GET', '/v1/sync/status?since=0')
  assert.deepEqual([...new Set(refused.map(({ id }) => id))].sort(), [alert, visit].sort())
})

test('what both have sent already is known, and the new user goes on', async () => {
  const { app, coordinator, phones: [former], client, visit } = await scene.set()
  await app.join(client, successor)
  await former.edit('visits', visit, { notes: 'sent in time' })
  await former.sync()
  const phone = await handOver(former)
  await phone.sync()
  const alert = await phone.create('alerts', alertOf(client, successor))
  await phone.sync()
  assert.equal(await phone.unsent(), 0)
  assert.equal((await coordinator.want('GET', `/v1/visits/${visit}`)).notes, 'sent in time')
  assert.equal((await coordinator.want('GET', `/v1/alerts/${alert}`)).raised_by, successor.id)
  assert.deepEqual(await app.quarantine(alert), [])
})
