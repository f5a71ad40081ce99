// The models that an app would have: a property for each column, `@json` where the server has JSON.

import { Model } from '@nozbe/watermelondb'
import { date, field, json } from '@nozbe/watermelondb/decorators/index.js'

const JSON_COLUMNS = new Set(['address', 'emergency_contacts', 'risks', 'care_plan', 'data'])

/** What Babel does with `@decorator name`. */
function decorate(prototype, name, decorator) {
  Object.defineProperty(prototype, name, decorator(prototype, name, { initializer: null }))
}

/** Properties carry the columns' names, so that a test reads like the wire. */
export function modelsFor(schema) {
  return Object.values(schema.tables).map(({ name, columnArray }) => {
    const model = class extends Model {
      static table = name
    }
    for (const column of columnArray) {
      const decorator = JSON_COLUMNS.has(column.name) ? json(column.name, (value) => value) : field(column.name)
      decorate(model.prototype, column.name, decorator)
    }
    // By these names WatermelonDB itself sets both times.
    decorate(model.prototype, 'createdAt', date('created_at'))
    decorate(model.prototype, 'updatedAt', date('updated_at'))
    return model
  })
}
