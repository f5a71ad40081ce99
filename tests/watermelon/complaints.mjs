// What WatermelonDB says to a developer's console. Its errors and warnings are a server's mistakes, so tests fail on
// them.

import { afterEach } from 'node:test'
import assert from 'node:assert/strict'
import module from '@nozbe/watermelondb/utils/common/logger/index.js'

const logger = module.default
const complaints = []

const keep = (level) => (...messages) => {
  complaints.push(`${level}: ${messages.map((each) => each?.message ?? String(each)).join(' ')}`)
}
logger.error = keep('error')
logger.warn = keep('warning')
logger.log = () => {}
logger.debug = () => {}

/** All there were since the last call. */
export const takeComplaints = () => complaints.splice(0)

/** For the head of each test file. */
export function failOnComplaints() {
  afterEach(() => assert.deepEqual(takeComplaints(), []))
}
