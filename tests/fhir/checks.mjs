// What all three validators miss.

/** The UCUM unit that each LOINC code of ours is measured in. */
const UNITS = new Map([
  ['8480-6', ['mm[Hg]']],
  ['8462-4', ['mm[Hg]']],
  ['8867-4', ['/min']],
  ['8310-5', ['Cel']],
  ['2708-6', ['%']],
  ['59408-5', ['%']],
  ['29463-7', ['kg']],
  ['15074-8', ['mmol/L']],
  ['2339-0', ['mg/dL']],
  ['72514-3', ['{score}']],
])
const UCUM = 'http://unitsofmeasure.org'
const LOINC = 'http://loinc.org'
// Elements whose name ends in what looks like a choice, and isn't one.
const INSTANTS = new Set(['timestamp', 'lastUpdated', 'issued', 'recorded', 'valueInstant'])
const TIME = /^\d{4}-\d{2}-\d{2}T/
const ZONED = /(Z|[+-]\d{2}:\d{2})$/

/** Calls `visit` with each object of a document and where it stands. */
function walk(value, visit, at = '') {
  if (Array.isArray(value)) value.forEach((item, index) => walk(item, visit, `${at}[${index}]`))
  else if (value && typeof value === 'object') {
    visit(value, at)
    for (const [name, field] of Object.entries(value)) walk(field, visit, `${at}.${name}`)
  }
}

const checks = {
  'an empty list, object or text, or null': (bundle, fault) =>
    walk(bundle, (object, at) => {
      for (const [name, field] of Object.entries(object)) {
        const fields = Array.isArray(field) ? field : [field]
        if (fields.length === 0) fault(`${at}.${name} is an empty list`)
        for (const one of fields) {
          if (one === null) fault(`${at}.${name} is null`)
          else if (typeof one === 'object' && Object.keys(one).length === 0) fault(`${at}.${name} is an empty object`)
          else if (typeof one === 'string' && one.trim() === '') fault(`${at}.${name} is blank`)
        }
      }
    }),

  'two values of one choice': (bundle, fault) =>
    walk(bundle, (object, at) => {
      for (const choice of ['value', 'effective', 'performed', 'medication', 'identified', 'occurred', 'onset',
        'product', 'scheduled', 'deceased', 'multipleBirth']) {
        const given = Object.keys(object).filter((name) => new RegExp(`^${choice}[A-Z]`).test(name))
        if (given.length > 1) fault(`${at} has ${given.join(' and ')}`)
      }
    }),

  'a period that ends before it begins': (bundle, fault) =>
    walk(bundle, (object, at) => {
      if (typeof object.start !== 'string' || typeof object.end !== 'string') return
      if (Date.parse(object.end) < Date.parse(object.start)) fault(`${at} is from ${object.start} to ${object.end}`)
    }),

  'a reference to what is not in the Bundle': (bundle, fault) => {
    const known = new Set(bundle.entry.map(({ resource }) => `${resource.resourceType}/${resource.id}`))
    for (const { resource } of bundle.entry) {
      const contained = new Set((resource.contained ?? []).map(({ id }) => `#${id}`))
      walk(resource, ({ reference }, at) => {
        if (typeof reference !== 'string') return
        const there = reference.startsWith('#') ? contained : known
        if (!there.has(reference)) fault(`${resource.resourceType}/${resource.id}${at} refers to ${reference}`)
      })
    }
  },

  'an address twice, or of another resource': (bundle, fault) => {
    const seen = new Set()
    for (const { fullUrl, resource } of bundle.entry) {
      if (seen.has(fullUrl)) fault(`${fullUrl} stands in it twice`)
      seen.add(fullUrl)
      if (!fullUrl?.endsWith(`/${resource.resourceType}/${resource.id}`)) fault(`${fullUrl} is not of its resource`)
    }
  },

  'a unit that the code is not measured in': (bundle, fault) =>
    walk(bundle, (object, at) => {
      const quantity = object.valueQuantity
      if (!quantity) return
      const codes = (object.code?.coding ?? []).filter(({ system }) => system === LOINC).map(({ code }) => code)
      if (codes.length === 0) return
      for (const code of codes) {
        const units = UNITS.get(code)
        if (!units) fault(`${at} measures ${code}, whose unit is not known`)
        else if (quantity.system !== UCUM || !units.includes(quantity.code)) {
          fault(`${at} gives ${code} in ${quantity.code} of ${quantity.system}`)
        }
      }
    }),

  'a time without a zone': (bundle, fault) =>
    walk(bundle, (object, at) => {
      for (const [name, field] of Object.entries(object)) {
        if (typeof field !== 'string') continue
        const text = name === 'text' || name === 'valueString' || name === 'contentString' || name === 'title'
        const time = INSTANTS.has(name) || (!text && TIME.test(field))
        if (time && !(TIME.test(field) && ZONED.test(field))) fault(`${at}.${name} is ${field}`)
      }
    }),

  'an identifier without system and value': (bundle, fault) =>
    walk(bundle, (object, at) => {
      for (const identifier of [object.identifier ?? []].flat()) {
        if (!identifier?.system || !identifier.value) fault(`${at}.identifier is ${JSON.stringify(identifier)}`)
      }
    }),

  'no type or time of the Bundle': (bundle, fault) => {
    if (bundle.type !== 'collection') fault(`the Bundle is of type ${bundle.type}`)
    if (!bundle.timestamp) fault('the Bundle has no timestamp')
  },
}

/** The names of the checks. */
export const checkNames = Object.keys(checks)

/** What each check says of a Bundle. */
export function faultsOf(bundle) {
  return Object.entries(checks).flatMap(([name, check]) => {
    const faults = []
    check(bundle, (fault) => faults.push(`${name}: ${fault}`))
    return faults
  })
}
