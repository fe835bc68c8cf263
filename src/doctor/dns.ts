import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { withinConnectTimeout } from '../login/connect.ts'
import type { Target } from '../login/target.ts'
import type { Limits } from './limits.ts'
import type { Outcome } from './step.ts'

/** Looks the server's name up. @throws EntraError `SERVER_NOT_FOUND` */
export async function lookUp(target: Target, limits: Limits): Promise<Outcome<readonly string[]>> {
  const { host } = target
  if (isIP(host) !== 0) return { value: [host], summary: `${host} is no name`, details: { addresses: [host] } }
  const found = await withinConnectTimeout(target, { reached: false }, limits, () => lookup(host, { all: true }))
  const addresses = found.map(({ address }) => address)
  return { value: addresses, summary: addresses.join(', '), details: { addresses } }
}
