import type { config as MssqlConfig } from 'mssql'
import { type Target, targetOf } from './login/target.ts'
import { clientSettingsOf, notPassedOn, type UrlFormat, type UrlOptions } from './proxy/connection-strings.ts'
import type { ProxyEvent } from './proxy/events.ts'
import { refusedDatabase, refusedStatement } from './proxy/prisma-guards.ts'
import { type LoopbackProxy, startProxy } from './proxy/proxy.ts'
import type { ProxyOptions } from './proxy/settings.ts'
import { type Setup, type SetupOptions, setUp } from './setup.ts'

/** A loopback proxy for a config. */
export interface ConfigProxy {
  proxy: LoopbackProxy
  setup: Setup
  target: Target
  /** A connection string for its clients. */
  url(options?: Pick<UrlOptions, 'format' | 'database' | 'caFile'>): string
}

/** How a proxy for a config is used. */
export interface ProxyUse extends Pick<ProxyOptions, 'port' | 'login' | 'unref'> {
  /** The kind of connection string that its clients get. @defaultValue 'prisma' */
  format?: UrlFormat
  /** How to name a shadow database. If given, Prisma's commands cannot create databases on Azure. */
  shadowDatabaseRemedy?: string
  /** Shows a warning. */
  say: (message: string) => void
  onEvent: (event: ProxyEvent) => void
  /** Called when a client has given the right login. */
  onAdmitted?: () => void
}

/**
 * Starts a loopback proxy for a config.
 *
 * @throws EntraError `CONFIG_INVALID`, also for a named instance; `CONFIG_CREDENTIALS`, `CONFIG_PLAINTEXT`; the system's
 * error if the port is taken
 */
export async function startConfigProxy(
  config: MssqlConfig | string,
  options: SetupOptions & Pick<ProxyOptions, 'endAtExpiry' | 'timing' | 'onEvent'>,
  { format = 'prisma', shadowDatabaseRemedy: remedy, say, onEvent, onAdmitted, ...use }: ProxyUse,
): Promise<ConfigProxy> {
  const setup = setUp(config, options)
  const { mssql, schema, tokenSource, audience, warnings } = setup
  const target = targetOf(mssql)
  const settings = clientSettingsOf(mssql)
  for (const { message } of warnings) say(message)
  const lost = notPassedOn(settings, format)
  if (lost !== undefined) say(lost)
  const proxy = await startProxy({
    ...use,
    target,
    tokenSource,
    audience,
    endAtExpiry: options.endAtExpiry ?? false,
    timing: { waitTimeout: setup.timing.waitTimeout, ...options.timing },
    onEvent(event) {
      onEvent(event)
      options.onEvent?.(event)
    },
    refuse({ database }) {
      const why = remedy && refusedDatabase(database, target)
      if (why === undefined) onAdmitted?.()
      return why
    },
    refuseStatement: (sql) => remedy && refusedStatement(sql, target, remedy),
  })
  return { proxy, setup, target, url: (chosen) => proxy.url({ format, schema, settings, ...chosen }) }
}
