import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../support/commands.ts'

const PACKAGES = ['tedious', 'mssql', '@prisma/adapter-mssql', '@prisma/client', 'prisma', '@azure/identity']

/** What it runs with, by name. */
export function versions(): Record<string, string> {
  const installed = PACKAGES.map((name) => [name, versionIn(join(ROOT, 'node_modules', name))])
  return {
    'prisma-adapter-mssql-entra': versionIn(ROOT),
    ...Object.fromEntries(installed),
    'Node, OpenSSL': `${process.versions.node}, ${process.versions.openssl}`,
    platform: `${process.platform} ${process.arch}`,
  }
}

function versionIn(folder: string): string {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version
}
