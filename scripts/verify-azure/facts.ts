import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TdsClient } from '../../test/support/tds-client.ts'
import { ROOT } from '../support/commands.ts'

/** The values of SERVERPROPERTY('EngineEdition'). */
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

/** What the server says about itself. */
export async function serverFacts(client: TdsClient): Promise<Record<string, string>> {
  // Not every server knows every property.
  const property = async (name: string) => {
    const sql = `SELECT CAST(SERVERPROPERTY('${name}') AS NVARCHAR(128)) AS [value]`
    const rows = await client.run(sql).catch(() => [])
    return String(rows[0]?.[0] ?? 'unknown')
  }
  const engine = await property('EngineEdition')
  const { routedTo } = client
  return {
    version: await property('ProductVersion'),
    edition: await property('Edition'),
    'engine edition': EDITIONS[engine] === undefined ? engine : `${engine}, ${EDITIONS[engine]}`,
    'connection policy': routedTo ? `redirect to ${routedTo.server}:${routedTo.port}` : 'proxy (no redirect)',
  }
}

/** What is installed here. */
export function versions(): Record<string, string> {
  const packages = ['tedious', 'mssql', '@prisma/adapter-mssql', '@prisma/client', 'prisma', '@azure/identity']
  const versionIn = (folder: string) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version
  return {
    'prisma-adapter-mssql-entra': versionIn(ROOT),
    ...Object.fromEntries(packages.map((name) => [name, versionIn(join(ROOT, 'node_modules', name))])),
    'Node, OpenSSL': `${process.versions.node}, ${process.versions.openssl}`,
    platform: `${process.platform} ${process.arch}`,
  }
}
