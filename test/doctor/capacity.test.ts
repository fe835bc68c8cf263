import { describe, expect, it } from 'vitest'
import { capacityOf, checkIdentity, concurrentWorkers } from '../../src/doctor/database.ts'
import type { EntraConnection } from '../../src/driver/entra-connection.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

describe('the workers of a database', () => {
  it.each([
    ['Basic', 30],
    ['S0', 60],
    ['P1', 200],
    ['GP_Gen5_4', 400],
    ['BC_Gen5_8', 800],
    ['GP_S_Gen5_2', 150],
    ['HS_S_Gen5_4', 300],
    ['HS_PRMS_8', 800],
    ['ElasticPool', undefined],
    ['DW100c', undefined],
    ['constructor', undefined],
  ])('with the service objective %s are %s', (objective, workers) => {
    expect(concurrentWorkers(objective)).toBe(workers)
  })

  it('are enough for a number of instances that depends on their connections and logins', () => {
    expect(capacityOf('S0', 10, 3)).toBe(
      'S0 has 60 workers: enough for 4 instances of 10 connections and 3 logins at once',
    )
    expect(capacityOf('Basic', 50, 1)).toMatch(/enough for 1 instance of 50 connections and 1 login at once/)
    expect(capacityOf('ElasticPool', 10, 3)).toBeUndefined()
  })
})

describe('the identity step', () => {
  const asked: string[] = []
  /** A session whose database has this edition. */
  const session = (edition: string) =>
    ({
      async queryRaw({ sql }: { sql: string }) {
        asked.push(sql)
        return sql.includes('ServiceObjective')
          ? { columnNames: ['objective'], rows: [['GP_S_Gen5_2']] }
          : { columnNames: ['user', 'database', 'edition', 'seconds'], rows: [['app', 'shop', edition, 0]] }
      },
    }) as unknown as EntraConnection

  it('says on Azure SQL how many instances the database supports, and asks no other server for a service objective', async () => {
    const azure = await checkIdentity(session('SQL Azure'), new VirtualClock(), 10, 3)
    expect(azure.summary).toMatch(/GP_S_Gen5_2 has 150 workers: enough for 11 instances/)
    expect(azure.details).toMatchObject({ serviceObjective: 'GP_S_Gen5_2' })
    asked.length = 0
    const other = await checkIdentity(session('Developer Edition'), new VirtualClock(), 10, 3)
    expect([other.details?.serviceObjective, asked.length]).toEqual([undefined, 1])
  })
})
