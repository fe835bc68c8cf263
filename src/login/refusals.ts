import type { EntraError } from '../errors/entra-error.ts'
import { type Explanation, explainedError } from './connect-failures.ts'
import { createUser, principalOf } from './principal.ts'
import { explainRefusedToken, type LoginContext, type LoginRefusal } from './token-refusal.ts'

type Explain = (context: LoginContext, refusal: LoginRefusal) => Explanation

/**
 * What each error number means at login.
 *
 * Source: Microsoft Learn, "Troubleshoot connectivity issues and other errors with Azure SQL Database and Azure SQL
 * Managed Instance", "Troubleshoot transient connection errors", "Connectivity settings", and "Database Engine events
 * and errors".
 */
const REFUSALS: ReadonlyArray<readonly [numbers: readonly number[], explain: Explain]> = [
  [[18456, 37396], explainRefusedToken],
  [
    [916],
    ({ claims }) => ({
      code: 'PRINCIPAL_UNKNOWN',
      why: `The server knows ${principalOf(claims)}, but the database does not.`,
      remedy: `Run in that database, as the server's Entra administrator:\n${createUser(claims)}`,
    }),
  ],
  [
    [911, 4060],
    ({ server, database, claims }) => ({
      code: 'DATABASE_NOT_FOUND',
      why: `${server} has no database "${database ?? 'master'}", or ${principalOf(claims)} has no user in it.`,
      remedy:
        'Check the names of the database and of the server. If both are right, run in that database, as the ' +
        `server's Entra administrator:\n${createUser(claims)}`,
    }),
  ],
  [
    [615, 926, 4221, 40197, 40501, 40613, 49918, 49919, 49920],
    () => ({
      code: 'DATABASE_UNAVAILABLE',
      why: 'The database is paused, moving to another node, or busy.',
      remedy:
        'This usually clears up by itself within a minute; connecting wakes a paused serverless database. Work waits ' +
        'for it up to rotation.connectRetryTimeout. If it persists, check the status of the database in the portal.',
    }),
  ],
  [
    [42108, 42109],
    () => ({
      code: 'DATABASE_UNAVAILABLE',
      why: 'The dedicated SQL pool is paused, or resuming.',
      remedy:
        'Resume it (`az synapse sql pool resume --resource-group … --workspace-name … --name …`), and wait until it is online.',
    }),
  ],
  [
    [10928, 10929, 10936, 17809],
    () => ({
      code: 'TOO_MANY_CONNECTIONS',
      why: 'The database is at its limit of sessions or workers; every running statement and every login takes a worker.',
      remedy:
        'Open fewer connections: each instance of your service opens up to connectionLimit, and up to ' +
        'rotation.loginsAtOnce more during a rotation. Or make statements shorter, or choose a larger service tier. ' +
        '`SELECT program_name, COUNT(*) FROM sys.dm_exec_sessions GROUP BY program_name` shows who has sessions open.',
    }),
  ],
  [
    [40615],
    ({ server }, { message }) => {
      const address = /IP address '([^']+)'/.exec(message)?.[1] ?? 'ADDRESS'
      return {
        code: 'FIREWALL',
        why: `The server's firewall blocks ${address}.`,
        remedy:
          'Allow it, then wait up to five minutes:\n' +
          `  az sql server firewall-rule create --resource-group … --server ${shortName(server)} --name my-app ` +
          `--start-ip-address ${address} --end-ip-address ${address}\n` +
          `or run in the database master: EXEC sp_set_firewall_rule N'my-app', '${address}', '${address}';`,
      }
    },
  ],
  [
    [40914],
    ({ server }) => ({
      code: 'FIREWALL',
      why: 'The server only accepts connections from certain subnets, and this is not one of them.',
      remedy:
        'Allow this subnet:\n' +
        `  az sql server vnet-rule create --resource-group … --server ${shortName(server)} --name my-app ` +
        '--vnet-name … --subnet …',
    }),
  ],
  [
    [47073],
    ({ server }) => ({
      code: 'FIREWALL',
      why: `The server only accepts connections through its private endpoint, but ${server} resolves to its public one here.`,
      remedy:
        'Connect from inside its virtual network, with the private DNS zone (privatelink.database.windows.net) linked ' +
        `to it. Or allow public access: \`az sql server update --resource-group … --name ${shortName(server)} ` +
        '--enable-public-network true`.',
    }),
  ],
  [
    [40531, 40532],
    ({ server }) => ({
      code: 'SERVER_NOT_FOUND',
      why: `Azure SQL's gateway answered, but it knows no server named "${shortName(server)}".`,
      remedy:
        'Connect by the full name of the server (myserver.database.windows.net), not by an address or an alias. If the ' +
        'name is right, the server was deleted, or the name resolves to the gateway of a different region.',
    }),
  ],
  [
    [47072],
    () => ({
      code: 'TLS_FAILED',
      why: 'The server requires a later version of TLS.',
      remedy:
        "Remove the TLS options (secureProtocol, minVersion, maxVersion), and Node's --tls-max-v1.x. If the server " +
        'requires TLS 1.3, set encrypt=strict: only TDS 8 has it.',
    }),
  ],
]

/** The error for a login that the server refused. */
export function loginRefused(refusal: LoginRefusal, context: LoginContext, cause?: Error): EntraError {
  const { number, state, message } = refusal
  const explain = REFUSALS.find(([numbers]) => numbers.includes(number))?.[1] ?? lookItUp
  const what = `The server refused the login: ${message} (error ${number}, state ${state})`
  return explainedError(what, explain(context, refusal), { ...(cause && { cause }), number, state })
}

function lookItUp(_: LoginContext, { number }: LoginRefusal): Explanation {
  return { code: 'LOGIN_FAILED', why: '', remedy: `Look up error ${number} in SQL Server's documentation.` }
}

/** What Azure's tools call a server: the first part of its host name. */
function shortName(server: string): string {
  return server.split('.', 1)[0] ?? server
}
