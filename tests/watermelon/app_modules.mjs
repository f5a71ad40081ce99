// Module hooks that stand in for the app's bundler: docs/mobile/schema.js is written for React Native, where imports
// may name a folder, and lies outside of this package.

import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const { resolve: find } = createRequire(import.meta.url)

export function resolve(specifier, context, next) {
  if (!specifier.startsWith('@nozbe/watermelondb')) return next(specifier, context)
  return { url: pathToFileURL(find(specifier)).href, format: 'commonjs', shortCircuit: true }
}

export function load(url, context, next) {
  return next(url, url.endsWith('/docs/mobile/schema.js') ? { ...context, format: 'module' } : context)
}
