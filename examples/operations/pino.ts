import type { Logger } from 'pino'
import type { AdapterEvent } from 'prisma-adapter-mssql-entra'

/** What somebody should look at: what failed, and connections that did not end as planned. */
function isWarning(event: AdapterEvent): boolean {
  if (event.type === 'connection.closed') return event.reason === 'lost' || event.reason === 'expired'
  return 'error' in event || event.type === 'clock.skew' || event.type === 'config.warning'
}

/** For `onEvent`: one line for each event, with the error where pino looks for it. */
export function logTo(logger: Logger): (event: AdapterEvent) => void {
  return (event) => {
    const level = isWarning(event) ? 'warn' : event.type.startsWith('connection.') ? 'debug' : 'info'
    const { error, ...fields } = { error: undefined, ...event }
    logger[level]({ ...fields, ...(error !== undefined && { err: error }) }, event.type)
  }
}
