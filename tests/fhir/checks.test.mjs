// Each check notices what it is for, and nothing else does that a sound Bundle has.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkNames, faultsOf } from './checks.mjs'

const BASE = 'https://berthcare.ca/fhir'
const entry = (resource) => ({ fullUrl: `${BASE}/${resource.resourceType}/${resource.id}`, resource })
const coding = (system, code) => ({ coding: [{ system, code }] })

/** A Bundle in which nothing is wrong, made anew each time. */
function sound() {
  return {
    resourceType: 'Bundle',
    id: 'b',
    type: 'collection',
    timestamp: '2026-11-20T15:00:00Z',
    entry: [
      entry({ resourceType: 'Patient', id: 'p', identifier: [{ system: `${BASE}/client`, value: 'p' }] }),
      entry({
        resourceType: 'Encounter',
        id: 'e',
        subject: { reference: 'Patient/p' },
        period: { start: '2026-11-20T14:00:00Z', end: '2026-11-20T14:45:00-05:00' },
      }),
      entry({
        resourceType: 'Observation',
        id: 'o',
        code: coding('http://loinc.org', '8867-4'),
        subject: { reference: 'Patient/p' },
        effectiveDateTime: '2026-11-20T14:20:00Z',
        valueQuantity: { value: 72, unit: 'bpm', system: 'http://unitsofmeasure.org', code: '/min' },
      }),
      entry({
        resourceType: 'CarePlan',
        id: 'c',
        contained: [{ resourceType: 'Goal', id: 'g' }],
        goal: [{ reference: '#g' }],
        description: '2026-11-20T14:20:00Z',
      }),
    ],
  }
}

/** What is broken, and which check must say so. */
const broken = [
  [0, 'a list with nothing in it', (bundle) => { bundle.entry[0].resource.name = [] }],
  [0, 'null', (bundle) => { bundle.entry[1].resource.period.end = null }],
  [0, 'null in a list', (bundle) => { bundle.entry[0].resource.identifier.push(null) }],
  [0, 'an object with nothing in it', (bundle) => { bundle.entry[1].resource.period = {} }],
  [0, 'a text with nothing in it', (bundle) => { bundle.entry[3].resource.description = ' \n' }],
  [1, 'two values', (bundle) => { bundle.entry[2].resource.valueString = 'fast' }],
  [1, 'two times', (bundle) => { bundle.entry[2].resource.effectivePeriod = { start: '2026-11-20T14:20:00Z' } }],
  [2, 'an inverted period', (bundle) => { bundle.entry[1].resource.period.end = '2026-11-20T13:00:00Z' }],
  [2, 'one that is inverted by its zone', (bundle) => {
    bundle.entry[1].resource.period.end = '2026-11-20T14:30:00+05:00'
  }],
  [3, 'a patient who is not there', (bundle) => { bundle.entry[2].resource.subject.reference = 'Patient/q' }],
  [3, 'a goal that is not contained', (bundle) => { bundle.entry[3].resource.goal[0].reference = '#h' }],
  [3, 'what another resource contains', (bundle) => { bundle.entry[1].resource.subject.reference = '#g' }],
  [4, 'the same resource twice', (bundle) => { bundle.entry.push(bundle.entry[0]) }],
  [4, "another resource's address", (bundle) => { bundle.entry[2].fullUrl = `${BASE}/Observation/x` }],
  [5, 'the unit in words', (bundle) => { bundle.entry[2].resource.valueQuantity.code = 'bpm' }],
  [5, 'no system of the unit', (bundle) => { delete bundle.entry[2].resource.valueQuantity.system }],
  [5, 'a code that the table lacks', (bundle) => { bundle.entry[2].resource.code = coding('http://loinc.org', '1-8') }],
  [6, 'a time without a zone', (bundle) => { bundle.entry[2].resource.effectiveDateTime = '2026-11-20T14:20:00' }],
  [6, 'an instant that is a day', (bundle) => { bundle.timestamp = '2026-11-20' }],
  [7, 'an identifier without a system', (bundle) => { delete bundle.entry[0].resource.identifier[0].system }],
  [8, 'no timestamp', (bundle) => { delete bundle.timestamp }],
  [8, 'another type', (bundle) => { bundle.type = 'document' }],
]

test('a sound Bundle has no faults', () => assert.deepEqual(faultsOf(sound()), []))

for (const [check, what, spoil] of broken) {
  test(`${what} is noticed as ${checkNames[check]}`, () => {
    const bundle = sound()
    spoil(bundle)
    const faults = faultsOf(bundle)
    assert.ok(faults.some((fault) => fault.startsWith(checkNames[check])), `only ${JSON.stringify(faults)}`)
  })
}

test('each check has a Bundle which it notices', () => {
  assert.deepEqual([...new Set(broken.map(([check]) => check))], checkNames.map((_, index) => index))
})
