// The phone's schema, versions 1 and 2, and the way from one to the other.

import { appSchema, tableSchema } from '@nozbe/watermelondb'
import migrations from '@nozbe/watermelondb/Schema/migrations/index.js'

const string = (name, more) => ({ name, type: 'string', ...more })
const number = (name, more) => ({ name, type: 'number', ...more })
const boolean = (name, more) => ({ name, type: 'boolean', ...more })
const optional = { isOptional: true }
const indexed = { isIndexed: true }
const times = [number('created_at'), number('updated_at')]

// `since` is ours: the version that brought the table or column.
const TABLES = [
  {
    name: 'clients',
    columns: [
      string('first_name'),
      string('last_name'),
      string('date_of_birth', optional),
      string('phone', optional),
      string('preferred_language'),
      string('address'),
      number('latitude', optional),
      number('longitude', optional),
      string('emergency_contacts'),
      string('risks'),
      string('care_plan', optional),
      number('care_plan_version', optional),
      string('coordinator_id', optional),
      ...times,
    ],
  },
  {
    name: 'visits',
    columns: [
      string('client_id', indexed),
      string('user_id', indexed),
      number('scheduled_start', indexed),
      number('scheduled_end'),
      number('actual_start', optional),
      number('check_in_latitude', optional),
      number('check_in_longitude', optional),
      number('check_in_accuracy_m', optional),
      number('check_in_distance_m', optional),
      number('actual_end', optional),
      number('check_out_latitude', optional),
      number('check_out_longitude', optional),
      number('check_out_accuracy_m', optional),
      number('check_out_distance_m', optional),
      string('status'),
      string('cancel_reason', optional),
      string('notes', optional),
      { ...string('family_note', optional), since: 2 },
      ...times,
    ],
  },
  {
    name: 'visit_tasks',
    columns: [
      string('visit_id', indexed),
      string('task_type'),
      string('title'),
      boolean('completed'),
      number('completed_at', optional),
      string('outcome', optional),
      string('data', optional),
      ...times,
    ],
  },
  {
    name: 'photos',
    columns: [
      string('client_id', { ...optional, ...indexed }),
      string('visit_id', { ...optional, ...indexed }),
      string('user_id', optional),
      string('kind'),
      boolean('shared_with_family'),
      string('content_type'),
      number('bytes'),
      string('sha256'),
      string('status'),
      number('taken_at', optional),
      string('caption', optional),
      ...times,
    ],
  },
  {
    name: 'alerts',
    since: 2,
    columns: [
      string('client_id', indexed),
      string('visit_id', optional),
      string('raised_by', optional),
      string('severity'),
      string('reason'),
      string('message', optional),
      string('status'),
      string('acknowledged_by', optional),
      number('acknowledged_at', optional),
      number('escalation_level'),
      ...times,
    ],
  },
]

export const NEWEST = 2

const knownIn = (version) => ({ since = 1 }) => since <= version
const bare = ({ since, ...column }) => column

export function schemaOf(version) {
  const tables = TABLES.filter(knownIn(version)).map(({ name, columns }) =>
    tableSchema({ name, columns: columns.filter(knownIn(version)).map(bare) }),
  )
  return appSchema({ version, tables })
}

const stepsTo = (version) =>
  TABLES.flatMap(({ name, since = 1, columns }) => {
    if (since === version) return [migrations.createTable({ name, columns: columns.map(bare) })]
    const added = columns.filter((column) => column.since === version && since < version).map(bare)
    return added.length > 0 ? [migrations.addColumns({ table: name, columns: added })] : []
  })

/** A version above the newest is one that the server doesn't know: it adds nothing. */
export function migrationsTo(version) {
  const versions = Array.from({ length: version - 1 }, (_, index) => index + 2)
  return migrations.schemaMigrations({
    migrations: versions.map((toVersion) => ({ toVersion, steps: stepsTo(toVersion) })),
  })
}
