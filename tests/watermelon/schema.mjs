// The schema that the app gets from us, docs/mobile/schema.js, as it was in each version.

import { register } from 'node:module'
import { appSchema, tableSchema } from '@nozbe/watermelondb'

register('./app_modules.mjs', import.meta.url)
const { schema, migrations } = await import('../../docs/mobile/schema.js')

export const NEWEST = schema.version

/** A version above the newest is one that the server doesn't know; it adds nothing. */
export function schemaOf(version) {
  const later = migrations.sortedMigrations.filter(({ toVersion }) => toVersion > version).flatMap(({ steps }) => steps)
  const newTables = later.filter(({ type }) => type === 'create_table').map((step) => step.schema.name)
  const newColumns = later.filter(({ type }) => type === 'add_columns')
  const isNew = (table, column) =>
    newColumns.some((step) => step.table === table && step.columns.some(({ name }) => name === column))
  const tables = Object.values(schema.tables)
    .filter(({ name }) => !newTables.includes(name))
    .map(({ name, columnArray }) =>
      tableSchema({ name, columns: columnArray.filter((column) => !isNew(name, column.name)) }),
    )
  return appSchema({ version, tables })
}

export function migrationsTo(version) {
  const known = migrations.sortedMigrations.filter(({ toVersion }) => toVersion <= version)
  const beyond = version > NEWEST ? [{ toVersion: version, steps: [] }] : []
  return { ...migrations, sortedMigrations: [...known, ...beyond], maxVersion: version }
}
