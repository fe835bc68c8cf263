import { logInWithToken } from '../login/token-login.ts'
import type { Lease } from '../token/lease.ts'
import type { Prepared } from './connection-string.ts'
import type { Limits } from './limits.ts'
import { doctorWishes } from './login7.ts'
import type { Outcome } from './step.ts'

/** A login that was taken. */
export interface TakenLogin {
  /** How often it was sent elsewhere. */
  redirects: number
}

/** Logs in, once and without waiting for a database that is not ready. @throws EntraError */
export async function logIn(prepared: Prepared, lease: Lease, limits: Limits): Promise<Outcome<TakenLogin>> {
  const { redirects, spid } = await open(prepared, lease, limits)
  const to = redirects.map(({ host, port }) => `${host}:${port}`)
  return {
    value: { redirects: redirects.length },
    summary: `taken, ${to.length === 0 ? 'without a redirect' : `redirected to ${to.join(', and from there to ')}`}`,
    details: {
      redirects: to.length,
      redirectedTo: to.length === 0 ? undefined : to,
      session: spid === 0 ? undefined : spid,
    },
  }
}

/** Logs in, from the name of the server on, and out again. @throws EntraError */
export async function open({ setup, target }: Prepared, lease: Lease, { clock, signal }: Limits) {
  const { audience } = setup
  const session = await logInWithToken(target, doctorWishes(), lease.token, { audience, clock, signal })
  session.socket.destroy()
  return session
}
