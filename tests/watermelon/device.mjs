// A phone: the unmodified WatermelonDB client, its database in memory, and the two functions that every app writes
// for it. What goes wrong between phone and server is made to go wrong here.

import { Database, Q } from '@nozbe/watermelondb'
import lokijs from '@nozbe/watermelondb/adapters/lokijs/index.js'
import { synchronize } from '@nozbe/watermelondb/sync/index.js'
import { setGenerator } from '@nozbe/watermelondb/utils/common/randomId/index.js'
import { uuid7 } from './ids.mjs'
import { modelsFor } from './models.mjs'
import { migrationsTo, NEWEST, schemaOf } from './schema.mjs'
import { partsOf } from './parts.mjs'
import { HttpError } from './session.mjs'
import { checkPull } from './wire.mjs'

setGenerator(uuid7)

/** The network was gone, before the request was sent or before its answer came. */
export class NoSignal extends Error {}

/** The nurse wrote while the answer was on its way. */
class WroteMeanwhile extends Error {}

export class Device {
  #version
  #answer
  #edits = 0
  #refused = new Set()

  /**
   * What is to go wrong with the next pulls and pushes, each an object of:
   * `lost`: 'request' or 'answer'; `twice`: sent twice at once; `during`, `after`: called while the server works, and
   * when its answer has come but the client has not seen it.
   */
  troubles = { pull: [], push: [] }
  /** Each request and its answer, for whoever looks for the cause of a failure. */
  traffic = []
  /** How far the phone's clock is ahead. */
  clockAheadMs

  /** `saved` is what `save` gave: the phone's storage, as an earlier start of the app left it. */
  constructor(session, { version = NEWEST, saved = null, clockAheadMs = 0 } = {}) {
    this.session = session
    this.clockAheadMs = clockAheadMs
    this.#open(version, saved)
  }

  #open(version, saved) {
    const schema = schemaOf(version)
    let stored = saved
    const storage = {
      loadDatabase: (_name, done) => done(stored),
      saveDatabase: (_name, _text, done) => done(),
      deleteDatabase: (_name, done) => done((stored = undefined)),
    }
    const adapter = new lokijs.default({
      dbName: 'phone',
      schema,
      migrations: migrationsTo(version),
      useWebWorker: false,
      useIncrementalIndexedDB: true,
      extraLokiOptions: { autosave: false },
      _testLokiAdapter: storage,
    })
    this.#version = version
    this.#refused = new Set()
    this.database = new Database({ adapter, modelClasses: modelsFor(schema) })
  }

  /** The phone's storage, as a backup takes it. */
  async save() {
    // The adapter opens its storage by and by, and answers when it has.
    await this.lastPulledAt()
    return this.database.adapter.underlyingAdapter._driver.loki.serialize()
  }

  /** The app is killed and started again, perhaps a newer one, perhaps on restored storage. */
  async restart({ version = this.#version, saved } = {}) {
    this.#open(version, saved === undefined ? await this.save() : saved)
  }

  /** The app is removed and installed anew, by the same person in the same session. */
  reinstall() {
    return this.restart({ saved: null })
  }

  now() {
    return Date.now() + this.clockAheadMs
  }

  // --- what the nurse does ---

  /** The record's values, as stored; `null` where the phone doesn't have it. */
  async row(table, id) {
    return (await this.rows(table)).find((row) => row.id === id) ?? null
  }

  async rows(table) {
    const found = await this.database.get(table).query().unsafeFetchRaw()
    return found.map(({ $loki, ...row }) => row).sort((one, other) => (one.id < other.id ? -1 : 1))
  }

  /** Answers the new record's id. */
  async create(table, values) {
    this.#edits += 1
    const record = await this.database.write(() =>
      this.database.get(table).create((record) => {
        Object.assign(record, { createdAt: this.now(), updatedAt: this.now() }, this.#authorOf(record), values)
      }),
    )
    return record.id
  }

  /** Changes a row to `values`, or to what a function of it answers. Answers the row as it was; `null` for none. */
  async edit(table, id, values) {
    return this.#change(table, id, (record) =>
      record.update(() => {
        Object.assign(record, { updatedAt: this.now() }, this.#authorOf(record),
          typeof values === 'function' ? values({ ...record._raw }) : values)
      }),
    )
  }

  /** Whose session wrote what isn't sent yet: who stands there already stays, as the phone may have changed hands. */
  #authorOf({ table, _raw }) {
    if (!this.database.schema.tables[table].columns.written_by) return {}
    return { written_by: _raw.written_by ?? this.session.user.id }
  }

  /** Answers the row as it was; `null` where there is none. */
  async remove(table, id) {
    return this.#change(table, id, (record) => record.markAsDeleted())
  }

  #change(table, id, change) {
    this.#edits += 1
    return this.database.write(async () => {
      const [record] = await this.database.get(table).query(Q.where('id', id)).fetch()
      if (!record) return null
      const before = { ...record._raw }
      await change(record)
      return before
    })
  }

  /** How many records the server has not taken. */
  async unsent() {
    return (await this.#dirty()).length
  }

  /** Each dirty record's table, id and values as one text; values are absent where it was removed. */
  async #dirty() {
    const lists = Object.keys(this.database.schema.tables).map(async (table) => {
      const dirty = Q.where('_status', Q.oneOf(['created', 'updated']))
      const [changed, deleted] = await Promise.all([
        this.database.get(table).query(dirty).unsafeFetchRaw(),
        this.database.adapter.getDeletedRecords(table),
      ])
      const rows = changed.map(({ $loki, ...row }) => textOf(table, row.id, row))
      return [...rows, ...deleted.map((id) => textOf(table, id))]
    })
    return (await Promise.all(lists)).flat()
  }

  // --- synchronising ---

  /** Until the server has no more. Answers the last pull's answer. */
  async sync(options) {
    do await this.syncOnce(options)
    while (this.#answer.has_more)
    return this.#answer
  }

  /** One `synchronize()`; `push: false` leaves out its second half. */
  async syncOnce({ push = true } = {}) {
    for (;;) {
      this.log = {}
      try {
        await synchronize({
          database: this.database,
          pullChanges: (asked) => this.#pull(asked),
          pushChanges: push ? (asked) => this.#push(asked) : undefined,
          migrationsEnabledAtVersion: 1,
          // After the first sync all rows come as updated: without this the client takes each new one for a mistake.
          sendCreatedAsUpdated: (await this.lastPulledAt()) !== null,
          log: this.log,
        })
        return this.#answer
      } catch (error) {
        if (!(error instanceof WroteMeanwhile)) throw error
      }
    }
  }

  /** The cursor that the phone holds; `null` before its first sync. */
  async lastPulledAt() {
    return Number.parseInt(await this.database.adapter.getLocal('__watermelon_last_pulled_at'), 10) || null
  }

  async #pull(asked) {
    const { lastPulledAt, schemaVersion, migration } = asked
    const edits = this.#edits
    // What the server refused stays dirty for good. It has that in quarantine, so that it doesn't wait to be sent.
    const pending = (await this.#dirty()).filter((text) => !this.#refused.has(text)).length
    // As WatermelonDB's own documentation writes it: `null` goes as that word.
    const steps = encodeURIComponent(JSON.stringify(migration))
    const query = `last_pulled_at=${lastPulledAt}&schema_version=${schemaVersion}&migration=${steps}`
    const answer = await this.#exchange('pull', 'GET', `/v1/sync?${query}&pending=${pending}`)
    if (!answer.upgrade_required) checkPull(answer, this.database.schema, asked)
    // The answer was made for a phone without what was written since: it may delete that, and the server would take
    // for seen what the nurse had not seen when she wrote.
    if (edits !== this.#edits && brings(answer)) throw new WroteMeanwhile()
    this.#answer = answer
    return answer
  }

  async #push({ changes, lastPulledAt }) {
    const sent = Object.entries(changes).flatMap(([table, { created, updated, deleted }]) => [
      ...[...created, ...updated].map((row) => [table, row.id, textOf(table, row.id, row)]),
      ...deleted.map((id) => [table, id, textOf(table, id)]),
    ])
    const parts = partsOf(changes, Object.keys(this.database.schema.tables))
    const rejected = {}
    for (const [place, part] of parts.entries()) {
      const more = place + 1 < parts.length ? '&has_more=true' : ''
      const path = `/v1/sync?last_pulled_at=${lastPulledAt}${more}`
      const { experimentalRejectedIds } = await this.#exchange('push', 'POST', path, { changes: part })
      for (const [table, ids] of Object.entries(experimentalRejectedIds ?? {})) (rejected[table] ??= []).push(...ids)
    }
    const refused = sent.filter(([table, id]) => rejected[table]?.includes(id))
    this.#refused = new Set(refused.map(([, , text]) => text))
    return { experimentalRejectedIds: rejected }
  }

  async #exchange(kind, method, path, body) {
    const { lost, twice, during, after } = this.troubles[kind].shift() ?? {}
    // The client may change the objects later, and a request is sent as it is now.
    const text = body && JSON.stringify(body)
    const entry = { kind, path, body: text }
    this.traffic.push(entry)
    if (lost === 'request') throw new NoSignal(`${kind}: the request was lost`)
    const send = () =>
      this.session.ask(method, path, { body: text, headers: { 'x-device-time': String(this.now()) } })
    const [answer] = await Promise.all([send(), twice && send(), during?.()])
    Object.assign(entry, { status: answer.status, bytes: answer.text.length, answer: answer.body })
    if (answer.status !== 200) throw new HttpError(method, path, answer)
    await after?.()
    if (lost === 'answer') throw new NoSignal(`${kind}: the answer was lost`)
    return answer.body
  }
}

const textOf = (table, id, row) => JSON.stringify([table, id, row])

const brings = ({ changes, experimentalStrategy }) =>
  experimentalStrategy === 'replacement' ||
  Object.values(changes).some((lists) => Object.values(lists).flat().length > 0)
