import type { config as MssqlConfig } from 'mssql'
import { claimsOf } from '../credentials/claims.ts'
import type { SetupOptions } from '../setup.ts'
import { systemClock } from '../time/clock.ts'
import type { Lease } from '../token/lease.ts'
import { clockSkew } from '../token/lease.ts'
import { judgeClock } from './clock.ts'
import { readConnection } from './connection-string.ts'
import { lookUp } from './dns.ts'
import { askForEntra } from './entra-logins.ts'
import { Examination, type StepReport, TimeIsUp } from './examination.ts'
import { askWho } from './identity.ts'
import { measure } from './latency.ts'
import { logIn } from './login.ts'
import { askRights, CLIENT_RIGHTS, MIGRATE_RIGHTS } from './rights.ts'
import { Session } from './session.ts'
import type { StepResult } from './step.ts'
import { reach } from './tcp.ts'
import { shakeHands } from './tls.ts'
import { getToken } from './token.ts'

/** Options of {@link diagnose}. */
export interface DiagnoseOptions extends SetupOptions {
  /** How long all of it may take, in ms. @defaultValue how long a token is waited for, and 45 s */
  timeout?: number
  /** Ends it: what was not looked at by then is skipped. */
  signal?: AbortSignal
}

const ALL_BUT_TOKEN = 45_000

/**
 * Goes through what a login needs, step by step. A step that failed ends those that need it and no others: a token is
 * asked for where DNS fails.
 *
 * @param report - told of each step as it begins and ends
 * @returns all steps, in their order
 */
export async function diagnose(
  config: MssqlConfig | string,
  options: DiagnoseOptions,
  report: StepReport,
): Promise<readonly StepResult[]> {
  const { timeout, signal: stop, clock = systemClock, ...setupOptions } = options
  const end = new AbortController()
  const signal = stop === undefined ? end.signal : AbortSignal.any([end.signal, stop])
  const limits = { clock, signal }
  const examination = new Examination(clock, signal, report)
  const closing: (() => unknown)[] = []

  const prepared = await examination.step('connection-string', [], () => {
    const outcome = readConnection(config, { ...setupOptions, clock })
    if (options.tokenSource === undefined) closing.push(() => outcome.value?.setup.tokenSource.close())
    return outcome
  })
  const limit = timeout ?? (prepared.value?.setup.timing.waitTimeout ?? 0) + ALL_BUT_TOKEN
  const timer = clock.setTimer(limit, () => end.abort(new TimeIsUp(limit)))
  closing.push(() => timer.cancel())
  try {
    const addresses = await examination.step('dns', [prepared], ([{ target }]) => lookUp(target, limits))
    const socket = await examination.step('tcp', [prepared, addresses], async ([{ target }]) => {
      const outcome = await reach(target, limits)
      closing.push(() => outcome.value?.destroy())
      return outcome
    })
    const connection = await examination.step('tls', [prepared, socket], ([{ target }, reached]) =>
      shakeHands(reached, target, limits),
    )
    const support = await examination.step('entra-logins', [prepared, connection], ([{ setup, target }, greeted]) =>
      askForEntra(greeted, target, setup.audience, limits),
    )
    const lease = await examination.step('token', [prepared], ([{ setup }]) => getToken(setup, support.value, signal))
    const login = await examination.step('login', [prepared, support, lease], ([ready, _, token]) =>
      logIn(ready, token, limits),
    )
    const identity = await examination.step('identity', [prepared, lease, login], async ([{ setup }, token]) => {
      const session = await Session.open(setup, token, signal)
      closing.push(() => session.close())
      return askWho(session, clock)
    })
    for (const [id, rights] of RIGHTS) {
      await examination.step(id, [prepared, identity], ([{ setup }, who]) => askRights(who, setup.schema, rights))
    }
    await examination.step('clock', [identity.value === undefined ? lease : identity], () =>
      judgeClock({ entra: lease.value && skewOf(lease.value), database: identity.value?.skewMs }),
    )
    await examination.step('latency', [prepared, lease, identity], ([ready, token, { session }]) =>
      measure(ready, token, session, limits),
    )
    return examination.results
  } finally {
    await Promise.all(closing.map((close) => close()))
  }
}

const RIGHTS = [
  ['client-rights', CLIENT_RIGHTS],
  ['migrate-rights', MIGRATE_RIGHTS],
] as const

function skewOf({ token, expiresOn, acquiredAt }: Lease): number | undefined {
  const claims = claimsOf(token)
  return claims && (clockSkew(claims, expiresOn, acquiredAt) ?? 0)
}
