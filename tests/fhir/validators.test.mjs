// Other people's validators do validate: each says something of a Bundle that is not FHIR.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { validators } from './validators.mjs'

const bundle = (resource) => ({
  resourceType: 'Bundle',
  type: 'collection',
  timestamp: '2026-11-20T15:00:00Z',
  entry: [{ fullUrl: `https://berthcare.ca/fhir/${resource.resourceType}/1`, resource: { id: '1', ...resource } }],
})
const SOUND = { resourceType: 'Patient', active: true, birthDate: '1938-04-12' }
const BROKEN = {
  medplum: ['a Consent without policy', {
    resourceType: 'Consent',
    status: 'active',
    scope: { text: 'privacy' },
    category: [{ text: 'consent' }],
  }],
  lantana: ['a status that is none', { resourceType: 'Encounter', status: 'missed', class: { code: 'HH' } }],
  jsonSchema: ['a date that is none', { resourceType: 'Patient', birthDate: '12 April 1938' }],
}

for (const { name, faults } of validators()) {
  test(`${name} takes what is FHIR`, () => assert.deepEqual(faults(bundle(SOUND)), []))
  test(`${name} refuses ${BROKEN[name][0]}`, () => assert.notDeepEqual(faults(bundle(BROKEN[name][1])), []))
}
