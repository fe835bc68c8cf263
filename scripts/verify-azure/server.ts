import type { TdsClient } from '../../test/support/tds-client.ts'
import type { Subject } from './subject.ts'

/** What SERVERPROPERTY('EngineEdition') means. */
const EDITIONS: Readonly<Record<string, string>> = {
  1: 'Personal or Desktop',
  2: 'Standard',
  3: 'Enterprise',
  4: 'Express',
  5: 'SQL Database',
  6: 'Synapse dedicated pool',
  8: 'SQL Managed Instance',
  9: 'Azure SQL Edge',
  11: 'Synapse serverless pool, or a Fabric warehouse',
  12: 'SQL database in Fabric',
}

/** What the server says of itself, by name. */
export async function factsOfServer(client: TdsClient): Promise<Record<string, string>> {
  const engine = await property(client, 'EngineEdition')
  return {
    version: await property(client, 'ProductVersion'),
    edition: await property(client, 'Edition'),
    'engine edition': EDITIONS[engine] === undefined ? engine : `${engine}, ${EDITIONS[engine]}`,
    'connection policy': policyOf(client),
  }
}

/** What there is to say of the token, none of it secret. */
export async function factOfToken({ setup }: Subject): Promise<string> {
  const { token, expiresOn } = await setup.tokenSource.get()
  const minutes = (expiresOn - Date.now()) / 60_000
  return `${token.length} characters, ${minutes.toFixed(1)} min left`
}

function policyOf({ routedTo }: TdsClient): string {
  return routedTo === undefined ? 'proxy (no redirect)' : `redirect to ${routedTo.server}:${routedTo.port}`
}

/** Not every server knows every property. */
async function property(client: TdsClient, name: string): Promise<string> {
  try {
    const [row] = await client.run(`SELECT CAST(SERVERPROPERTY('${name}') AS NVARCHAR(128)) AS [value]`)
    return String(row?.[0] ?? 'unknown')
  } catch {
    return 'unknown'
  }
}
