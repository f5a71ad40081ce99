// Chance that can be repeated: everything is drawn from one seed.

/** mulberry32, by Tommy Ettinger (public domain). */
export class Random {
  #state

  constructor(seed) {
    this.#state = seed >>> 0
  }

  /** From 0 up to, not including, 1. */
  fraction() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** Another one, with a seed drawn from this. */
  fork() {
    return new Random(this.below(2 ** 32))
  }

  /** From 0 up to, not including, `end`. */
  below(end) {
    return Math.floor(this.fraction() * end)
  }

  chance(probability) {
    return this.fraction() < probability
  }

  pick(list) {
    return list[this.below(list.length)]
  }

  /** One of the keys, each as likely as its number says. */
  weighted(weights) {
    const entries = Object.entries(weights)
    let left = this.fraction() * entries.reduce((sum, [, weight]) => sum + weight, 0)
    return entries.find(([, weight]) => (left -= weight) < 0)?.[0] ?? entries.at(-1)[0]
  }
}
