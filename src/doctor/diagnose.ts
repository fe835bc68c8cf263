import type { config as MssqlConfig } from 'mssql'
import { poolSettings } from '../pool/settings.ts'
import type { SetupOptions } from '../setup.ts'
import { systemClock } from '../time/clock.ts'
import { CLIENT_RIGHTS, checkIdentity, MIGRATE_RIGHTS, queryRow, rightsFinding, rightsQuery } from './database.ts'
import { authorityOf, checkHttpProxy, explainUnreachable } from './http-proxy.ts'
import { checkEntraLogins, checkLogin } from './login.ts'
import { checkClock, checkLatency, entraSkew } from './measure.ts'
import { checkConnectionString, checkDns, checkTcp } from './reach.ts'
import { type OnStep, OutOfTime, type StepResult, StepRunner } from './steps.ts'
import { checkTls } from './tls.ts'
import { checkToken } from './token.ts'

/** Options of {@link diagnose}. */
export interface DiagnoseOptions extends SetupOptions {
  /** How long all of it may take, in ms. @defaultValue how long a token is waited for, plus 45 s */
  timeout?: number
  /** Stops it: the steps that are left are skipped. */
  signal?: AbortSignal
}

const ALL_BUT_TOKEN = 45_000

/**
 * Checks what a login needs, step by step. Only the steps that need a failed one are skipped: a token is requested even
 * if DNS fails.
 *
 * @returns all steps, in their order
 */
export async function diagnose(
  config: MssqlConfig | string,
  options: DiagnoseOptions,
  onStep: OnStep = () => {},
): Promise<readonly StepResult[]> {
  const { timeout, signal: stop, clock = systemClock, ...setupOptions } = options
  const end = new AbortController()
  const signal = stop === undefined ? end.signal : AbortSignal.any([end.signal, stop])
  const steps = new StepRunner(clock, signal, onStep)
  const closing: (() => unknown)[] = []

  const ready = await steps.run('connection-string', [], () => {
    const finding = checkConnectionString(config, { ...setupOptions, clock })
    if (options.tokenSource === undefined) closing.push(() => finding.value?.setup.tokenSource.close())
    return finding
  })
  const limit = timeout ?? (ready.value?.setup.timing.waitTimeout ?? 0) + ALL_BUT_TOKEN
  const timer = clock.setTimer(limit, () => end.abort(new OutOfTime(limit)))
  closing.push(() => timer.cancel())
  try {
    const dns = await steps.run('dns', [ready], ([{ target }]) => checkDns(target, clock, signal))
    const tcp = await steps.run('tcp', [ready, dns], async ([{ target }]) => {
      const finding = await checkTcp(target, clock, signal)
      closing.push(() => finding.value?.destroy())
      return finding
    })
    const tls = await steps.run('tls', [ready, tcp], ([{ target }, socket]) => checkTls(target, socket, clock, signal))
    const entra = await steps.run('entra-logins', [ready, tls], ([{ setup, target }, connection]) =>
      checkEntraLogins(target, setup.audience, connection, clock, signal),
    )
    const { credentialOptions } = options
    await steps.run('http-proxy', [ready], () => checkHttpProxy(process.env, credentialOptions?.proxyOptions))
    const token = await steps.run('token', [ready], async ([{ setup }]) => {
      try {
        return await checkToken(setup, entra.value?.stsUrl, signal)
      } catch (error) {
        throw await explainUnreachable(error, authorityOf(setup.mssql.server, credentialOptions), signal)
      }
    })
    const login = await steps.run('login', [ready, entra, token], async ([{ setup }, _, lease]) => {
      const finding = await checkLogin(setup, lease, signal)
      closing.push(() => finding.value?.session.close('disconnected'))
      return finding
    })
    const identity = await steps.run('identity', [ready, login], ([{ setup }, { session }]) => {
      const { max, loginsAtOnce } = poolSettings(setup.mssql, setup.timing)
      return checkIdentity(session, clock, max, loginsAtOnce)
    })
    for (const [id, rights] of RIGHTS) {
      await steps.run(id, [ready, login, identity], async ([{ setup }, { session }, { user, schema: usual }]) => {
        const schema = setup.schema ?? usual
        return rightsFinding(await queryRow(session, rightsQuery(rights, schema)), rights, user, schema)
      })
    }
    await steps.run('clock', [identity.value === undefined ? token : identity], () =>
      checkClock(token.value && entraSkew(token.value), identity.value?.skewMs),
    )
    await steps.run('latency', [login, identity], ([{ session, loginMs }]) =>
      checkLatency(loginMs, () => queryRow(session, 'SELECT 1 AS one'), clock),
    )
    return steps.results
  } finally {
    await Promise.all(closing.map((close) => close()))
  }
}

const RIGHTS = [
  ['client-rights', CLIENT_RIGHTS],
  ['migrate-rights', MIGRATE_RIGHTS],
] as const
