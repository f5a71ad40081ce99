// What most tests begin with: an agency, a nurse with some phones, and for each test a client with a visit of hers.

import { failOnComplaints } from './complaints.mjs'
import { TestApp } from './test_app.mjs'

/** For the head of a test file. Signing in is limited to 60 times a minute, so its tests share the phones. */
export async function stage({ phones: count = 2 } = {}) {
  failOnComplaints()
  const app = await TestApp.open()
  const nurse = await app.nurse()
  const phones = await Promise.all(Array.from({ length: count }, () => app.phone(nurse)))

  /** A new client with a visit and a task on it, on phones that hold nothing unsent. */
  async function set({ version, task } = {}) {
    const client = await app.client()
    const visit = await app.visit(client, nurse)
    const ids = { client, visit, task: await app.task(visit, task) }
    for (const phone of phones) {
      phone.troubles = { pull: [], push: [] }
      phone.traffic = []
      phone.clockAheadMs = 0
      await phone.restart({ version, saved: null })
      await phone.sync()
    }
    return { app, nurse, phones, coordinator: app.coordinator, ...ids }
  }

  return { app, nurse, set }
}

/** A row without what a phone gave it itself, time and author: a push that tells nothing new doesn't change that. */
export const withoutTime = ({ updated_at, written_by, ...row }) => row
