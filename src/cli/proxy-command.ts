import { once } from 'node:events'
import { Command } from 'commander'
import type { ProxyEvent } from '../proxy/events.ts'
import { type DoorFlags, doorFlags, type OpenDoor, openDoor } from './door.ts'
import { ExitCode } from './exit-codes.ts'
import { portNumber } from './flag-values.ts'
import { doorAsJson, eventAsJson, eventAsText, introduction, summary } from './proxy-report.ts'
import { stopOn } from './stop-signals.ts'
import { type Surroundings, say } from './surroundings.ts'

interface ProxyFlags extends DoorFlags {
  port: number
  endAtExpiry?: boolean
  json?: boolean
}

const EXAMPLES = `
Listens on 127.0.0.1 only, and takes one login, made up at each start, from processes of your own user. Ctrl-C closes it.

Examples:
  $ prisma-mssql-entra proxy "sqlserver://myserver.database.windows.net;database=app" --port 14330
  $ prisma-mssql-entra proxy --ca-file proxy.pem                   # for clients that encrypt and verify
  $ prisma-mssql-entra proxy --authentication AzureCli --json | jq -r 'select(.type == "ready").url.jdbc'
`

/** `proxy`: a local proxy that stays. */
export function proxyCommand(surroundings: Surroundings): Command {
  const command = new Command('proxy')
    .description('run a local proxy for SQL tools, and show who uses it')
    .argument('[url]', 'where to connect to (default: the value of DATABASE_URL)')
    .option('--port <number>', 'the port to listen on, 0 for a free one', portNumber, 0)
    .option('--end-at-expiry', 'cut a session when the token that it was opened with expires')
    .option('--json', 'print one JSON object a line: the proxy, then each event')
  return doorFlags(command)
    .addHelpText('after', EXAMPLES)
    .action(async (url: string | undefined, flags: ProxyFlags) => {
      surroundings.setExitCode(await keepOpen(url, flags, surroundings))
    })
}

async function keepOpen(url: string | undefined, flags: ProxyFlags, surroundings: Surroundings): Promise<number> {
  const { out } = surroundings
  const { json = false, endAtExpiry = false, port } = flags
  using stop = stopOn('SIGINT', 'SIGTERM', 'SIGHUP')
  const stopped = once(stop.signal, 'abort')
  let door: OpenDoor
  const onEvent = (event: ProxyEvent) => {
    const open = door.proxy.stats().sessionsOpen
    out.write(json ? eventAsJson(event) : eventAsText(event, open, out))
  }
  try {
    door = await openDoor(url, flags, surroundings, { port, endAtExpiry, onEvent })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error
    const why = code === 'EACCES' ? 'may not be listened on' : 'is taken'
    say(surroundings, `Port ${port} ${why}. Choose another one with --port, or leave it out for a free one.`)
    return ExitCode.FAILED
  }
  out.write(json ? doorAsJson(door) : introduction(door, out))
  await stopped
  await door.proxy.close()
  if (!json) out.write(summary(door.proxy.stats()))
  return ExitCode.OK
}
