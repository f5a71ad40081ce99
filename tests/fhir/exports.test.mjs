// Every export passes the three validators and our own checks: of the demo's clients, by the running stack, and of the
// random ones, whose Bundles a test of the functions wrote (FHIR_EXPORTS).

import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { faultsOf } from './checks.mjs'
import { demoExports } from './demo.mjs'
import { validators } from './validators.mjs'

// So many of each kind are shown; the rest are counted.
const SHOWN = 20
const bundles = new Map()

before(async () => {
  const folder = process.env.FHIR_EXPORTS
  for (const name of folder ? readdirSync(folder) : []) {
    bundles.set(name, JSON.parse(readFileSync(join(folder, name), 'utf8')))
  }
  if (process.env.PUBLIC_URL) for await (const [name, bundle] of demoExports()) bundles.set(name, bundle)
})

function sound(faults) {
  const found = [...bundles].flatMap(([name, bundle]) => faults(bundle).map((fault) => `${name}: ${fault}`))
  assert.deepEqual(found.slice(0, SHOWN), [], `${found.length} faults`)
}

test('there are exports of demo clients and of random ones', () => {
  const names = [...bundles.keys()]
  assert.ok(names.some((name) => name.startsWith('demo')) && names.some((name) => name.startsWith('random')), names)
})

test('the exports hold every type of resource that a client can have', () => {
  const resources = [...bundles.values()].flatMap(({ entry }) => entry.map(({ resource }) => resource))
  const types = new Set(resources.map(({ resourceType }) => resourceType))
  for (const type of ['Patient', 'RelatedPerson', 'Practitioner', 'PractitionerRole', 'CareTeam', 'CarePlan',
    'Encounter', 'Observation', 'MedicationAdministration', 'Procedure', 'Communication', 'Flag', 'DetectedIssue',
    'Consent', 'DocumentReference', 'Provenance', 'AuditEvent', 'Organization', 'Location']) {
    assert.ok(types.has(type), type)
  }
})

for (const { name, faults } of validators()) test(`every export passes ${name}`, () => sound(faults))
test('every export passes what no validator checks', () => sound(faultsOf))
