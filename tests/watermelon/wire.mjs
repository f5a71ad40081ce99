// The rules of WatermelonDB's protocol that its client does not check: a wrong type silently becomes null, an id in
// two lists does as chance has it. Every answer to a pull is held to them, in every test.

import assert from 'node:assert/strict'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** `schema` is the phone's; `asked` what `pullChanges` was called with. */
export function checkPull(answer, schema, asked) {
  const { changes, timestamp } = answer
  assert.ok(Number.isSafeInteger(timestamp) && timestamp >= 1, `timestamp ${timestamp}`)
  const tables = Object.values(schema.tables)
  const names = tables.map(({ name }) => name).sort()
  assert.deepEqual(Object.keys(changes).sort(), names, 'each of the phone’s tables is named, and no other')
  for (const table of tables) checkTable(table, changes[table.name], asked)
}

function checkTable(table, lists, { lastPulledAt }) {
  assert.deepEqual(Object.keys(lists).sort(), ['created', 'deleted', 'updated'], table.name)
  // A turbo first sync takes no `deleted`; later on, `created` would resurrect what the phone has just deleted.
  const none = lastPulledAt ? 'created' : 'deleted'
  assert.deepEqual(lists[none], [], `${table.name}: nothing ${none} in this pull`)
  const rows = [...lists.created, ...lists.updated]
  const ids = [...rows.map(({ id }) => id), ...lists.deleted]
  assert.equal(new Set(ids).size, ids.length, `${table.name}: an id stands in one list only`)
  for (const id of ids) assert.match(id, UUID)
  for (const row of rows) checkRow(table, row)
}

function checkRow(table, row) {
  const columns = ['id', ...table.columnArray.map(({ name }) => name)].sort()
  assert.deepEqual(Object.keys(row).sort(), columns, `${table.name}: exactly the columns that the phone knows`)
  for (const { name, type, isOptional } of table.columnArray) {
    const value = row[name]
    const fits = value === null ? isOptional : typeof value === type
    assert.ok(fits, `${table.name}.${name} is ${JSON.stringify(value)}, not ${isOptional ? 'null or ' : ''}a ${type}`)
  }
}
