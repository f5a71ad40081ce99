// Who wrote what on top of what, so that a test can say that nothing was lost: each text that anybody wrote is either
// in the record, or was replaced by somebody who had it before their eyes, or is kept in a conflict or in quarantine.

export class Ledger {
  #over = new Map()
  #count = 0
  #prefix

  constructor(prefix) {
    this.#prefix = prefix
  }

  /** A text unlike any other. */
  text() {
    return `${this.#prefix}.${(this.#count += 1)}`
  }

  /** The text was written where `before` stood. */
  write(text, before = null) {
    this.#over.set(text, before)
  }

  /** The texts that no value of `kept` leads to, going back from each to what it replaced. */
  lost(kept) {
    const found = new Set()
    for (let text of kept) {
      while (this.#over.has(text) && !found.has(text)) {
        found.add(text)
        text = this.#over.get(text)
      }
    }
    return [...this.#over.keys()].filter((text) => !found.has(text))
  }
}
