// CPU time in milliseconds of one verification by Node's usual binding of Argon2, with the functions' parameters.
// Its version 0.45.1 crashes at the first hash on x86-64 with glibc 2.36, so an older one is kept.
import argon2 from 'argon2'

const options = { type: argon2.argon2id, memoryCost: 19456, timeCost: 2, parallelism: 1 }
const hash = await argon2.hash('berthcare-bench', options)
await argon2.verify(hash, 'berthcare-bench')
const rounds = 40
const before = process.cpuUsage()
for (let round = 0; round < rounds; round += 1) {
  await argon2.verify(hash, 'berthcare-bench')
}
const { user, system } = process.cpuUsage(before)
console.log((user + system) / 1000 / rounds)
