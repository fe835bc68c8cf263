import type { ConfigProxy } from '../config-proxy.ts'
import { claimsOf } from '../credentials/claims.ts'
import { ORDINARY_LOGIN } from '../login/fed-auth-info.ts'
import { principalOf } from '../login/principal.ts'
import { connectRetryInterval, defaultConnectTiming, openWithRetries } from '../login/retry.ts'
import { logInWithToken } from '../login/token-login.ts'
import { databaseIn } from '../tds/login-response.ts'
import { sleep } from '../time/clock.ts'

/** What came of an attempt of `proxy` to sign in. */
export type SignInEvent =
  /** `principal`: whose token it is, as far as the token says. */
  | { type: 'proxy.signed-in'; at: number; principal: string; database: string | undefined }
  /** It is tried again after `retryInMs`. `changed`: the attempt before did not fail like this. */
  | { type: 'proxy.sign-in-failed'; at: number; error: Error; attempt: number; retryInMs: number; changed: boolean }

/** Whether a login upstream has worked yet: this one, or one for a client. */
export class Readiness {
  /** Whether an attempt is under way. */
  trying = false
  #why: string | undefined = 'The first sign-in is not over yet.'

  /** Undefined once a login has worked. */
  get whyNot(): string | undefined {
    return this.#why
  }

  worked(): void {
    this.#why = undefined
  }

  failed(why: string): void {
    if (this.#why !== undefined) this.#why = why
  }
}

const LOGIN = { ...ORDINARY_LOGIN, applicationName: 'prisma-mssql-entra proxy' }

/** After this many attempts, which take half a minute, the next ones follow at {@link SLOW_INTERVAL}, in ms. */
const QUICK_ATTEMPTS = 10
const SLOW_INTERVAL = 60_000

interface SignInOptions {
  onAttempt: () => void
  emit: (event: SignInEvent) => void
  /** Ends it. */
  signal: AbortSignal
}

/**
 * Signs in once, to see whether that works, and closes the session: a paused database is woken up, but not kept awake.
 * Tries again until it has worked, or a client could be signed in. Never rejects.
 */
export async function signIn(
  upstream: Pick<ConfigProxy, 'setup' | 'target'>,
  readiness: Readiness,
  { onAttempt, emit, signal }: SignInOptions,
): Promise<void> {
  const { target } = upstream
  const { clock, random } = upstream.setup
  let last = ''
  for (let attempt = 1; !signal.aborted && readiness.whyNot !== undefined; attempt++) {
    try {
      readiness.trying = true
      onAttempt()
      const { principal, database } = await signInOnce(upstream, signal).finally(() => {
        readiness.trying = false
      })
      readiness.worked()
      emit({ type: 'proxy.signed-in', at: clock.now(), principal, database: database ?? target.database })
    } catch (error) {
      if (signal.aborted) return
      const { message } = error as Error
      readiness.failed(message)
      const quick = attempt < QUICK_ATTEMPTS
      const retryInMs = quick ? connectRetryInterval(attempt, random(), defaultConnectTiming) : SLOW_INTERVAL
      const changed = message !== last
      last = message
      emit({ type: 'proxy.sign-in-failed', at: clock.now(), error: error as Error, attempt, retryInMs, changed })
      await sleep(clock, retryInMs, signal).catch(() => {})
    }
  }
}

/** One login, which may need a second token. */
async function signInOnce(
  { setup, target }: Pick<ConfigProxy, 'setup' | 'target'>,
  signal: AbortSignal,
): Promise<{ principal: string; database: string | undefined }> {
  const { tokenSource, audience, timing, clock, random } = setup
  const { lease, opened } = await openWithRetries(
    ({ token }, within) => logInWithToken(target, LOGIN, token, { audience, clock, signal: within }),
    {
      tokenSource,
      timing: { ...defaultConnectTiming, waitTimeout: timing.waitTimeout },
      clock,
      random,
      signal,
      emit: () => {},
      isReplaceable: () => true,
      databaseWasOpened: false,
      // signIn reports each failure at once, and retries.
      isWorthWaiting: () => false,
    },
  )
  opened.socket.destroy()
  return { principal: principalOf(claimsOf(lease.token)), database: databaseIn(opened.tokens) }
}
