import type { Socket } from 'node:net'
import { reachServer } from '../login/client-login.ts'
import { withinConnectTimeout } from '../login/connect.ts'
import type { Target } from '../login/target.ts'
import type { Limits } from './limits.ts'
import type { Outcome } from './step.ts'

/** Opens a connection. @throws EntraError `SERVER_UNREACHABLE`, `CONNECT_FAILED` */
export async function reach(target: Target, limits: Limits): Promise<Outcome<Socket>> {
  const socket = await withinConnectTimeout(target, { reached: false }, limits, (signal) => reachServer(target, signal))
  const { remoteAddress: address, remotePort: port, localAddress } = socket
  return {
    value: socket,
    summary: `${address}:${port}`,
    details: { address, port, localAddress },
  }
}
