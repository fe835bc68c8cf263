import { randomUUID } from 'node:crypto'
import { inject } from 'vitest'
import type { Upstream } from '../../src/testing/gateway/upstream.ts'
import type { SharedEngine } from '../shared-engine.ts'
import { type RunningUpstream, startUpstream } from '../upstream.ts'
import { openSqlLogin } from './sql-login.ts'

/** The SQL Server in `SQLSERVER_URL`, or this file's own database on the shared engine. */
export async function sharedUpstream(): Promise<RunningUpstream> {
  if (process.env.SQLSERVER_URL) return startUpstream()
  const answer = await fetch(inject('sharedEngineUrl'))
  if (!answer.ok) throw new Error(`The shared engine could not be started: ${await answer.text()}`)
  const engine = (await answer.json()) as SharedEngine
  // Old clients take 30 characters.
  const database = `app_${randomUUID().slice(-12)}`
  const server: Required<Upstream> = { ...engine, database, encrypt: false, trustServerCertificate: false }
  await runOnMaster(server, `CREATE DATABASE [${database}]`)
  return { server, close: () => runOnMaster(server, `DROP DATABASE [${database}]`) }
}

async function runOnMaster(server: Required<Upstream>, sql: string): Promise<void> {
  const login = await openSqlLogin({ ...server, database: 'master' })
  await login.run(sql)
  await login.close()
}
