// An agency of its own for each test file, so that no test meets another's data, and a restore of one agency is none
// of the others' business. Agency and coordinator are made in SQL, which no API does; everything else as people do it.

import { sql } from './database.mjs'
import { Device } from './device.mjs'
import { uuid7 } from './ids.mjs'
import { Session } from './session.mjs'

const HOUR = 3_600_000

const emailOf = (id) => `${id}@watermelon.example`

// Everybody has the demo users' password; its hash is theirs.
const DEMO_HASH = `(select password_hash from users where email = 'nurse@demo.berthcare.ca')`

export class TestApp {
  constructor(agency, coordinator) {
    this.agency = agency
    this.coordinator = coordinator
  }

  static async open() {
    const [agency, coordinator] = [uuid7(), uuid7()]
    await sql(`insert into agencies (id, name, time_zone) values ($1, 'WatermelonDB', 'America/Toronto')`, agency)
    await sql(
      `insert into users (id, agency_id, email, phone, first_name, last_name, role, status, password_hash)
       values ($1, $2, $3, '+14165550100', 'Cora', 'Planner', 'coordinator', 'active', ${DEMO_HASH})`,
      coordinator,
      agency,
      emailOf(coordinator),
    )
    return new TestApp(agency, await Session.signIn(emailOf(coordinator), { platform: 'web' }))
  }

  nurse() {
    return this.#user('nurse')
  }

  aide() {
    return this.#user('care_aide')
  }

  async #user(role) {
    const id = uuid7()
    await this.coordinator.want('POST', '/v1/users', {
      id,
      email: emailOf(id),
      // A number of their own: a number is sent so many codes a day.
      phone: `+1416${2_000_000 + Number(BigInt(`0x${id.slice(-12)}`) % 7_999_999n)}`,
      first_name: role === 'nurse' ? 'Nora' : 'Aidan',
      last_name: 'Carer',
      role,
    })
    // Instead of the code by SMS.
    await sql(`update users set status = 'active', password_hash = ${DEMO_HASH} where id = $1`, id)
    return { id, email: emailOf(id), role }
  }

  /** A phone of the user's, signed in, with nothing on it yet. */
  async phone(user, options) {
    return new Device(await Session.signIn(user.email), options)
  }

  /** Answers the id. */
  async client({ team = [], ...fields } = {}) {
    const id = uuid7()
    await this.coordinator.want('POST', '/v1/clients', {
      id,
      first_name: 'Alma',
      last_name: 'Côté',
      date_of_birth: '1938-04-12',
      phone: '+14165550170',
      address: { street: '118 Roncesvalles Avenue', city: 'Toronto', province: 'ON', postal_code: 'M6R 2L2' },
      latitude: 43.6424,
      longitude: -79.4474,
      emergency_contacts: [{ name: 'Paul Côté', phone: '+14165550171', relationship: 'son' }],
      risks: ['dog'],
      ...fields,
    })
    for (const user of team) await this.join(id, user)
    return id
  }

  /** Puts the user on the client's care team. Answers the membership's id. */
  async join(client, { id: user_id, role }) {
    const id = uuid7()
    const starts_on = new Date(Date.now() - 48 * HOUR).toISOString().slice(0, 10)
    await this.coordinator.want('POST', `/v1/clients/${client}/care-team`, { id, user_id, relation: role, starts_on })
    return id
  }

  /** Takes the user off the client's care team. */
  async leave(client, user) {
    const team = await this.coordinator.want('GET', `/v1/clients/${client}/care-team`)
    const member = team.items.find(({ user_id }) => user_id === user.id)
    if (member) await this.coordinator.want('DELETE', `/v1/clients/${client}/care-team/${member.id}`)
  }

  /** A visit that was to be an hour ago. Answers the id. */
  async visit(client, user, fields = {}) {
    const id = uuid7()
    const at = (hours) => new Date(Math.floor(Date.now() / 60_000) * 60_000 + hours * HOUR).toISOString()
    await this.coordinator.want('POST', '/v1/visits', {
      id,
      client_id: client,
      user_id: user.id,
      scheduled_start: at(-2),
      scheduled_end: at(-1),
      allow_overlap: true,
      ...fields,
    })
    return id
  }

  /** Answers the id. */
  async task(visit, fields = {}) {
    const id = uuid7()
    await this.coordinator.want('POST', `/v1/visits/${visit}/tasks`,
      { id, task_type: 'meals', title: 'Lunch', ...fields })
    return id
  }

  /** What a coordinator sees of conflicts, settled ones too: all there are in the agency, or those of one record. */
  conflicts(record) {
    return sql(
      `select table_name, record_id, column_name, server_value, device_value, server_user_id, device_user_id,
        status::text
       from sync_conflicts where agency_id = $1 and ($2::uuid is null or record_id = $2) order by created_at`,
      this.agency,
      record ?? null,
    )
  }

  /** What was refused. */
  quarantine(record) {
    return sql(
      `select device_id, user_id, written_by, table_name, record_id, body, reason from sync_quarantine
       where agency_id = $1 and ($2::text is null or record_id = $2) order by created_at`,
      this.agency,
      record ?? null,
    )
  }
}
