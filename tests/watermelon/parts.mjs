// A push in parts that the server takes, as docs/mobile says.

/** What `/v1/sync/schema` tells. */
export const LIMITS = { maxBytes: 3_000_000, maxRecords: 20_000 }

const bytesOf = (value) => new TextEncoder().encode(JSON.stringify(value)).length

/** `changes`, cut by tables and rows; `tables` are in the schema's order, parents first. */
export function partsOf(changes, tables, { maxBytes, maxRecords } = LIMITS) {
  const parts = []
  let [bytes, records] = [Infinity, 0]
  for (const table of tables) {
    for (const list of ['created', 'updated', 'deleted']) {
      for (const item of changes[table]?.[list] ?? []) {
        // With the comma after it; what stands around the rows is some hundred bytes.
        const size = bytesOf(item) + 1
        if (bytes + size > maxBytes || records === maxRecords) {
          parts.push({});
          [bytes, records] = [1000, 0]
        }
        const part = parts.at(-1)
        part[table] ??= { created: [], updated: [], deleted: [] }
        part[table][list].push(item)
        bytes += size
        records += 1
      }
    }
  }
  return parts.length > 1 ? parts : [changes]
}
