// What most tests begin with: an agency, a nurse with some phones, and for each test a client with a visit of hers.

import { failOnComplaints } from './complaints.mjs'
import { World } from './world.mjs'

/** For the head of a test file. Signing in is limited to 60 times a minute, so its tests share the phones. */
export async function stage({ phones: count = 2 } = {}) {
  failOnComplaints()
  const world = await World.open()
  const nurse = await world.nurse()
  const phones = await Promise.all(Array.from({ length: count }, () => world.phone(nurse)))

  /** A new client with a visit and a task on it, on phones that hold nothing unsent. */
  async function set({ version, task } = {}) {
    const client = await world.client()
    const visit = await world.visit(client, nurse)
    const ids = { client, visit, task: await world.task(visit, task) }
    for (const phone of phones) {
      phone.troubles = { pull: [], push: [] }
      phone.traffic = []
      phone.clockAheadMs = 0
      await phone.restart({ version, saved: null })
      await phone.sync()
    }
    return { world, nurse, phones, coordinator: world.coordinator, ...ids }
  }

  return { world, nurse, set }
}

/** A row without the time that a phone gave it itself: a push that tells the server nothing new leaves that as it is. */
export const withoutTime = ({ updated_at, ...row }) => row
