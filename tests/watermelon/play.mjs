// One random history: a nurse's phones, a coordinator at the portal, and a network that fails. Every choice is drawn
// from the seed; what races with what within a step is left to the machines.

import assert from 'node:assert/strict'
import { inTransaction, sql } from './database.mjs'
import { NoSignal } from './device.mjs'
import { Ledger } from './ledger.mjs'
import { Random } from './random.mjs'
import { withoutTime } from './stage.mjs'

const STEPS = { least: 8, more: 9 }
// Everything has arrived after a few; many more mean that phones and server never agree.
const MOST_ROUNDS = 8

const TEXT = /s\d+\.\d+/g

export class Play {
  #random
  #ledger
  #kept = []
  #removed = []
  #teamChanges
  #onTeam = true
  #story = []

  constructor(seed, app, nurse, phones, witness) {
    this.#random = new Random(seed)
    this.#ledger = new Ledger(`s${seed}`)
    this.seed = seed
    this.app = app
    this.nurse = nurse
    this.#teamChanges = this.#random.chance(0.3)
    this.phones = phones.slice(0, 2 + this.#random.below(phones.length - 1))
    this.witness = witness
  }

  async run() {
    try {
      await this.#begin()
      const steps = STEPS.least + this.#random.below(STEPS.more)
      for (let step = 0; step < steps; step += 1) await this.#step()
      if (!this.#onTeam) await this.#changeTeam()
      await this.#settle()
      await this.#check()
    } catch (error) {
      error.message += `\nRepeat it with SEED=${this.seed} RUNS=1. The story:\n  ${this.#story.join('\n  ')}`
      if (process.env.TRAFFIC) error.message += `\n${this.#traffic()}`
      throw error
    } finally {
      await this.#clear()
    }
  }

  // --- the stage ---

  async #begin() {
    this.client = await this.app.client()
    this.visits = []
    for (let count = 1 + this.#random.below(2); count > 0; count -= 1) {
      const visit = await this.app.visit(this.client, this.nurse)
      this.visits.push(visit)
      for (let tasks = 1 + this.#random.below(2); tasks > 0; tasks -= 1) await this.app.task(visit)
    }
    for (const [index, phone] of this.phones.entries()) {
      phone.name = `phone ${index + 1}`
      phone.troubles = { pull: [], push: [] }
      phone.traffic = []
      const version = this.#random.chance(0.15) ? 1 : 2
      phone.clockAheadMs = this.#random.pick([0, 0, 0, -7_200_000, 10_800_000])
      await phone.restart({ version, saved: null })
      this.#tell(`${phone.name} has schema version ${version}, its clock is ${phone.clockAheadMs} ms ahead`)
      await phone.sync()
    }
  }

  #tell(what) {
    this.#story.push(what)
  }

  // --- the acts ---

  #step() {
    const acts = {
      edit: () => this.#edit(this.#random.pick(this.phones), this.#random),
      sync: () => this.#sync(this.#random.pick(this.phones)),
      together: () => this.#together(),
      plan: () => this.#plan(),
      restart: () => this.#restart(this.#random.pick(this.phones)),
    }
    return acts[this.#random.weighted({ edit: 6, sync: 4, together: 3, plan: 2, restart: 0.5 })]()
  }

  async #restart(phone) {
    this.#tell(`${phone.name} is restarted`)
    await phone.restart()
  }

  /** Several phones, and perhaps the coordinator, at once. */
  async #together() {
    this.#tell('together:')
    const acts = this.phones.map((phone) => this.#sync(phone))
    if (this.#random.chance(0.5)) acts.push(this.#plan())
    const ended = await Promise.allSettled(acts)
    const failed = ended.find(({ status }) => status === 'rejected')
    if (failed) throw failed.reason
  }

  async #sync(phone) {
    phone.troubles = { pull: [this.#trouble(phone)], push: [this.#trouble(phone)] }
    this.#tell(`${phone.name} syncs, ${storyOf(phone.troubles)}`)
    try {
      await phone.sync()
      this.#tell(`${phone.name} has synced`)
    } catch (error) {
      if (!(error instanceof NoSignal)) throw error
      this.#tell(`${phone.name} failed: ${error.message}`)
    }
  }

  #trouble(phone) {
    const trouble = {}
    if (this.#random.chance(0.25)) trouble.lost = this.#random.pick(['request', 'answer', 'answer'])
    if (this.#random.chance(0.15)) trouble.twice = true
    // What is drawn later is drawn from chances of its own, so that the order of events can't change the others'.
    const [during, after] = [this.#random.fork(), this.#random.fork()]
    if (this.#random.chance(0.2)) trouble.during = () => this.#edit(phone, during)
    if (this.#random.chance(0.1)) trouble.after = () => this.#edit(phone, after)
    return trouble
  }

  /** Something that the nurse writes on a phone. */
  async #edit(phone, random) {
    const act = random.weighted({ visit: 4, task: 5, create: 2, remove: 0.7, move: 1 })
    const visits = await phone.rows('visits')
    const tasks = await phone.rows('visit_tasks')
    const [visit, task] = [visits, tasks].map((rows) => random.pick(rows))
    if (act === 'visit' && visit) return this.#editVisit(phone, visit, random)
    if (act === 'task' && task) return this.#editTask(phone, task, random)
    if (act === 'create' && visit) return this.#create(phone, visit, random)
    if (act === 'remove' && task) return this.#remove(phone, task)
    if (act === 'move' && visit) return this.#move(phone, visit)
  }

  async #editVisit(phone, { id }, random) {
    const columns = 'family_note' in phone.database.schema.tables.visits.columns ? ['notes', 'family_note'] : ['notes']
    await this.#rewrite(phone, 'visits', id, random.pick(columns))
  }

  async #editTask(phone, { id }, random) {
    const column = random.pick(['outcome', 'outcome', 'title', 'data', 'completed'])
    if (column !== 'completed') return this.#rewrite(phone, 'visit_tasks', id, column)
    const completed = random.chance(0.7)
    this.#tell(`${phone.name}: task ${id} completed is ${completed}`)
    await phone.edit('visit_tasks', id, { completed, completed_at: completed ? phone.now() : null })
  }

  async #rewrite(phone, table, id, column) {
    await phone.edit(table, id, (row) => {
      const text = this.#ledger.text()
      this.#ledger.write(text, textIn(row[column]))
      this.#tell(`${phone.name}: ${table}.${column} of ${id} from ${row[column]} to ${text}`)
      return { [column]: column === 'data' ? { note: text } : text }
    })
  }

  async #create(phone, { id: visit_id }, random) {
    const text = this.#ledger.text()
    this.#ledger.write(text)
    const kinds = 'alerts' in phone.database.schema.tables ? ['task', 'task', 'photo', 'alert'] : ['task', 'photo']
    const kind = random.pick(kinds)
    const digest = random.below(2 ** 32).toString(16).padStart(64, '0')
    this.#tell(`${phone.name}: a new ${kind} ${text}`)
    if (kind === 'task') {
      await phone.create('visit_tasks', { visit_id, task_type: 'meals', title: 'Supper', completed: false,
        outcome: text })
    } else if (kind === 'photo') {
      await phone.create('photos', {
        visit_id,
        kind: 'photo',
        shared_with_family: false,
        content_type: 'image/jpeg',
        bytes: 1000,
        sha256: digest,
        status: 'pending',
        taken_at: phone.now(),
        caption: text,
      })
    } else {
      const alert = { client_id: this.client, visit_id, raised_by: this.nurse.id, severity: 'low', reason: 'supplies' }
      await phone.create('alerts', { ...alert, message: text, status: 'open', escalation_level: 0 })
    }
  }

  async #remove(phone, { id }) {
    const row = await phone.remove('visit_tasks', id)
    if (!row) return
    this.#tell(`${phone.name}: task ${id} is removed, ${row.title}, ${row.outcome}, ${row.data}`)
    // The nurse saw what she removed.
    this.#kept.push(row)
  }

  /** Check-in, then check-out. */
  async #move(phone, { id }) {
    await phone.edit('visits', id, (row) => {
      this.#tell(`${phone.name}: visit ${id} is ${row.status} and moves on`)
      const now = phone.now()
      if (row.status === 'scheduled') {
        return { status: 'in_progress', actual_start: now, check_in_latitude: 43.64, check_in_longitude: -79.44 }
      }
      return row.status === 'in_progress' ? { status: 'completed', actual_end: Math.max(now, row.actual_start) } : {}
    })
  }

  /** Something that the coordinator does at the portal. */
  async #plan() {
    const act = this.#random.weighted({ visit: 4, task: 4, add: 1, remove: 1, team: this.#teamChanges ? 2 : 0 })
    const visit = this.#random.pick(this.visits)
    const column = act === 'visit' ? this.#random.pick(['notes', 'family_note']) : this.#random.pick(['outcome',
      'title', 'data'])
    const which = this.#random.fraction()
    const { coordinator } = this.app
    if (act === 'team') return this.#changeTeam()
    if (act === 'visit') return this.#patch(`/v1/visits/${visit}`, column)
    if (act === 'add') {
      const outcome = this.#ledger.text()
      this.#tell(`coordinator: another task, ${outcome}`)
      await this.app.task(visit, { outcome })
      return this.#ledger.write(outcome)
    }
    const { items: tasks } = await coordinator.want('GET', `/v1/visits/${visit}/tasks`)
    const task = tasks[Math.floor(which * tasks.length)]
    if (!task) return
    if (act === 'task') return this.#patch(`/v1/visits/${visit}/tasks/${task.id}`, column)
    this.#tell(`coordinator: task ${task.id} is removed`)
    const { status } = await coordinator.ask('DELETE', `/v1/visits/${visit}/tasks/${task.id}`)
    // A task of a completed visit is corrected, not removed.
    assert.ok([204, 404, 409].includes(status), `DELETE of a task answered ${status}`)
    if (status === 204) this.#removed.push(task.id)
  }

  /** Takes the nurse off the client's team, or puts her back. */
  async #changeTeam() {
    this.#onTeam = !this.#onTeam
    this.#tell(`coordinator: the nurse is ${this.#onTeam ? 'on' : 'off'} the team`)
    await (this.#onTeam ? this.app.join(this.client, this.nurse) : this.app.leave(this.client, this.nurse))
  }

  /** Without If-Match: what stood there at that moment is replaced knowingly. */
  async #patch(path, column) {
    const text = this.#ledger.text()
    // The visit may be completed by then: a correction says why.
    const body = { [column]: column === 'data' ? { note: text } : text, reason: 'Corrected' }
    const answer = await this.app.coordinator.ask('PATCH', path, { body })
    this.#tell(`coordinator: ${column} of ${path} to ${text}: ${answer.status}`)
    assert.ok([200, 404].includes(answer.status), `PATCH ${path} answered ${answer.status}: ${answer.text}`)
    if (answer.status === 404) return
    const [{ before }] = await sql(
      `select before -> $2 as before from sync_log
       where record_id = $1 and after ->> $2 ~ ('\\m' || $3 || '\\M') order by number limit 1`,
      path.split('/').at(-1),
      column,
      text,
    )
    this.#ledger.write(text, textIn(before))
  }

  /** What went over the wire, without the lists that were empty. */
  #traffic() {
    const short = (changes) =>
      Object.entries(changes ?? {}).flatMap(([table, lists]) =>
        Object.entries(lists).flatMap(([list, rows]) =>
          rows.map((row) => `\n    ${table}.${list} ${JSON.stringify(row)}`),
        ),
      )
    return this.phones
      .flatMap(({ name, traffic }) =>
        traffic.map(({ kind, path, body, status, answer }) => {
          const { changes, ...rest } = answer ?? {}
          const rows = short(body ? JSON.parse(body).changes : changes).join('')
          return `${name} ${kind} ${path} ${status} ${JSON.stringify(rest)}${rows}`
        }),
      )
      .join('\n')
  }

  // --- the end ---

  /** Everybody synchronises until nothing moves, twice: a deletion comes one pull late. */
  async #settle() {
    let still = 0
    for (let round = 0; round < MOST_ROUNDS; round += 1) {
      let quiet = true
      for (const phone of this.phones) {
        phone.troubles = { pull: [], push: [] }
        const before = await this.#holdings(phone)
        await phone.sync()
        if (before !== (await this.#holdings(phone))) quiet = false
      }
      still = quiet ? still + 1 : 0
      if (still === 2) return
    }
    assert.fail(`not settled after ${MOST_ROUNDS} rounds`)
  }

  async #holdings(phone) {
    const tables = Object.keys(phone.database.schema.tables)
    return JSON.stringify(await Promise.all(tables.map((table) => phone.rows(table))))
  }

  async #check() {
    await this.witness.reinstall()
    await this.witness.sync()
    for (const phone of this.phones) {
      for (const { name, columnArray } of Object.values(phone.database.schema.tables)) {
        const columns = ['id', '_status', '_changed', ...columnArray.map((column) => column.name)]
        const pick = (row) => withoutTime(Object.fromEntries(columns.map((column) => [column, plain(row[column])])))
        const [here, there] = [await phone.rows(name), await this.witness.rows(name)]
        assert.deepEqual(here.map(pick), there.map(pick), `${phone.name} has ${name} as a new phone gets them`)
      }
    }
    const tables = Object.keys(this.witness.database.schema.tables)
    const rows = await Promise.all(tables.map((table) => this.witness.rows(table)))
    const evidence = [rows, this.#kept, await this.app.conflicts(), await this.#removedRows()]
    const lost = this.#ledger.lost(JSON.stringify(evidence).match(TEXT) ?? [])
    assert.deepEqual(lost, [], 'nothing that was written is lost')
    const refused = this.phones.flatMap(({ traffic }) => traffic.flatMap(({ answer }) => answer?.rejected ?? []))
    assert.deepEqual(refused, [], 'nothing is refused that the nurse may write')
  }

  /** What the coordinator removed at the portal was there to be seen. */
  async #removedRows() {
    return sql('select title, outcome, data from visit_tasks where id = any ($1)', this.#removed)
  }

  /** So that the next history's phones begin with nothing. */
  async #clear() {
    await inTransaction(async (sql) => {
      await sql('select app.act_as_job($1), app.reserve_change_numbers(1)', this.app.agency)
      await sql('update clients set deleted_at = now() where id = $1', this.client)
      // What a nurse may raise in an hour is no limit on histories that follow each other within seconds.
      await sql('set local session_replication_role = replica')
      await sql(`update alerts set created_at = created_at - interval '1 hour' where client_id = $1`, this.client)
    })
  }
}

/** PostgreSQL writes JSON with other spaces than JavaScript does. */
const plain = (value) => (typeof value === 'string' && /^[{[]/.test(value) ? JSON.parse(value) : value)

const storyOf = ({ pull: [pull], push: [push] }) => JSON.stringify({ pull, push },
  (_, value) => (typeof value === 'function' ? 'an edit' : value))

const textIn = (value) => JSON.stringify(value ?? null).match(TEXT)?.[0]
