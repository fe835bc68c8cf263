import type { Fault, GatewayFault } from '../src/testing/index.ts'

/** Something that is made to go wrong in the local Azure. */
export type Disturbance =
  /** A fault of the authority. */
  | { authority: Fault }
  /** A fault of the gateway. */
  | { gateway: GatewayFault }
  /** The sockets of all sessions are destroyed, once. */
  | { sessions: 'cut' }
