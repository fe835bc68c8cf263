import mssql from 'mssql'
import { afterEach, describe, expect, it } from 'vitest'
import { type Engine, startEngine } from './engine.ts'
import { borrowPostgres, lendPostgres } from './shared-postgres.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function engineOnRun(): Promise<Engine> {
  const engine = await startEngine({ postgres: await borrowPostgres() })
  closing.push(() => engine.close())
  return engine
}

async function batchOn({ host, port, user, password, database }: Engine, sql: string): Promise<unknown[]> {
  const options = { encrypt: false, trustServerCertificate: true }
  const pool = await new mssql.ConnectionPool({ server: host, port, user, password, database, options }).connect()
  try {
    return (await pool.request().batch(sql)).recordset
  } finally {
    await pool.close()
  }
}

describe('engines that share the PostgreSQL of a test run', () => {
  it('have databases of the same names, and each sees its own', async () => {
    const [one, other] = [await engineOnRun(), await engineOnRun()]
    await batchOn(one, 'CREATE TABLE dbo.Mine (id INT); INSERT INTO dbo.Mine VALUES (1)')
    await batchOn(one, 'CREATE DATABASE shadow')
    await batchOn(other, 'CREATE TABLE dbo.Mine (id INT)')
    expect(await batchOn(one, 'SELECT id FROM app.dbo.Mine')).toEqual([{ id: 1 }])
    expect(await batchOn(other, 'SELECT id FROM app.dbo.Mine')).toEqual([])
    const names = 'SELECT name FROM sys.databases ORDER BY name'
    expect(await batchOn(one, names)).toEqual(['app', 'master', 'shadow', 'tempdb'].map((name) => ({ name })))
    expect(await batchOn(other, names)).toEqual(['app', 'master', 'tempdb'].map((name) => ({ name })))
    const place = `SELECT DB_NAME() AS name, TABLE_CATALOG AS place FROM INFORMATION_SCHEMA.TABLES`
    expect(await batchOn(other, place)).toEqual([{ name: 'app', place: 'app' }])
    const rights = `SELECT HAS_PERMS_BY_NAME('app', 'DATABASE', 'CONNECT') AS app, DB_ID('shadow') AS shadow`
    expect(await batchOn(other, rights)).toEqual([{ app: 1, shadow: null }])
  })

  it('go on when one of them is closed', async () => {
    const [one, other] = [await engineOnRun(), await engineOnRun()]
    await one.close()
    closing.shift()
    expect(await batchOn(other, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  })
})

describe('a PostgreSQL that is lent', () => {
  it('is started once, when somebody asks for it, and has a namespace for each', async () => {
    const { TEST_POSTGRES_PORT } = process.env
    let started = 0
    let closed = 0
    const stop = await lendPostgres(async () => {
      started++
      const nothing = async () => {
        closed++
      }
      return { host: '127.0.0.1', port: 1, user: 'postgres', password: 'secret', close: nothing }
    })
    closing.push(async () => {
      process.env.TEST_POSTGRES_PORT = TEST_POSTGRES_PORT
    })
    expect(started).toBe(0)
    const [one, other] = await Promise.all([borrowPostgres(), borrowPostgres()])
    expect(started).toBe(1)
    expect(one).toMatchObject({ host: '127.0.0.1', port: 1, user: 'postgres', password: 'secret' })
    expect(one?.namespace).not.toBe(other?.namespace)
    await one?.close()
    expect(closed).toBe(0)
    await stop()
    expect(closed).toBe(1)
    expect(await borrowPostgres()).toBeUndefined()
  })
})
