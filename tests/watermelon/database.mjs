// PostgreSQL as its superuser sees it, for what no API does: agencies, restores from backup, large sets.

import pg from 'pg'

function addressOf(database) {
  const url = new URL(process.env.DATABASE_ADMIN_URL)
  url.pathname = `/${database}`
  return url.href
}

const pool = new pg.Pool({ connectionString: addressOf('berthcare'), max: 2, allowExitOnIdle: true })

/** The rows of one statement. */
export async function sql(text, ...values) {
  const { rows } = await pool.query(text, values)
  return rows
}

/** Runs `work` with a function like `sql`, in one transaction. */
export async function inTransaction(work) {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const answer = await work(async (text, ...values) => (await client.query(text, values)).rows)
    await client.query('commit')
    return answer
  } catch (error) {
    await client.query('rollback')
    throw error
  } finally {
    client.release()
  }
}
