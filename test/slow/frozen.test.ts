import { describe, expect, it } from 'vitest'
import { type ClientProcess, useClientProcesses } from '../integration/faults/client-process.ts'
import { useFaultyAzure } from '../integration/faults/support.ts'
import { second, until } from '../integration/faults/time.ts'

const azure = useFaultyAzure()
const startProcess = useClientProcesses(azure)

/** Enough to connect and to begin a statement: up to two seconds of it are lost, as expiries are whole ones. */
const LIFETIME = 5 * second
const LONG = 600 * second

/** A process whose token lives so long, after its first query. */
async function connected(lifetime: number): Promise<ClientProcess> {
  azure.authority.tokenLifetime = lifetime
  const client = startProcess()
  expect(await client.connect()).toMatchObject({ failures: [] })
  return client
}

/** Waits past the end of every token that was given so far; those given later live long. */
async function tokensEnd(): Promise<void> {
  const now = Date.now()
  azure.authority.tokenLifetime = LONG
  await until(() => expect(Date.now()).toBeGreaterThan(now + LIFETIME))
}

/** The far end closes every connection, and the process, which is frozen, hears nothing of it. */
async function farEndCloses(how: 'end' | 'reset' = 'end'): Promise<void> {
  azure.gateway.dropSessions({ how })
  await until(() => expect(azure.gateway.stats()).toMatchObject({ sessionsOpen: 0, loggingIn: 0 }))
}

/** The first query after the thaw, and the end. */
async function expectFirstQueryWorks(client: ClientProcess): Promise<void> {
  const answer = await client.query(1)
  expect(answer).toMatchObject({ failures: [] })
  expect(answer.expiresOn).toBeGreaterThan(Date.now())
  expect(azure.gateway.stats()).toMatchObject({ requestsAfterExpiry: 0, loginFailures: {} })
  expect(azure.authority.stats()).toMatchObject({ maxInFlight: 1 })
  expect(await client.disconnect()).toBe(0)
}

/** Begins a statement, which hangs, and freezes the process once the server has it. */
async function freezeInMidQuery(client: ClientProcess): Promise<void> {
  // Not the batch of a login that comes meanwhile.
  const arrived = azure.gateway.inject({ at: 'request', matching: /SELECT 1/, action: { hang: true }, times: 1 })
  await client.begin('SELECT 1')
  await until(() => expect(arrived.hits).toBe(1))
  await client.freeze()
}

describe.skipIf(process.platform === 'win32')('a process that was frozen past its token’s end', () => {
  it.each([
    ['its first query', 1],
    ['a hundred at once', 100],
  ])('while idle: is right at %s, with one token request', async (_, queries) => {
    const { authority, gateway } = azure
    const client = await connected(LIFETIME)
    await client.freeze()
    const { tokenRequests } = authority.stats()
    gateway.resetStats()
    await tokensEnd()

    client.thaw()
    const { failures, expiresOn } = await client.query(queries)
    expect(failures).toEqual([])
    expect(expiresOn).toBeGreaterThan(Date.now() + LONG / 2)
    expect(authority.stats()).toMatchObject({ tokenRequests: tokenRequests + 1, maxInFlight: 1 })
    expect(gateway.stats()).toMatchObject({ requestsAfterExpiry: 0, loginFailures: {} })
    // A pool and its probe; where it was so slow to start that it was frozen in a rotation, another pool as it begins.
    const begun = tokenRequests > 1 ? 2 : 0
    expect(gateway.stats().logins).toBeLessThanOrEqual(begun + 1 + 10)
    expect(await client.disconnect()).toBe(0)
  })

  it('in mid-query, and the far end has gone: says that the statement may have run', async () => {
    const client = await connected(LIFETIME)
    await freezeInMidQuery(client)
    await farEndCloses()
    await tokensEnd()
    client.thaw()
    expect(await client.end()).toMatchObject({ failures: [expect.stringMatching(/^P1017 STATEMENT_TOKEN_EXPIRED:/)] })
    await expectFirstQueryWorks(client)
  })

  it('in a transaction: says that it was rolled back, and it was', async () => {
    const client = await connected(LIFETIME)
    await client.transaction('frozen@example.test')
    await client.freeze()
    await tokensEnd()
    client.thaw()
    expect(await client.end()).toMatchObject({ failures: [expect.stringMatching(/^P2034 TRANSACTION_TOKEN_EXPIRED:/)] })
    expect(await azure.db.prisma.user.count()).toBe(0)
    // Its ROLLBACK may come before the timer that cuts its connection.
    expect(azure.gateway.stats().requestsAfterExpiry).toBeLessThanOrEqual(1)
    azure.gateway.resetStats()
    await expectFirstQueryWorks(client)
  })

  it('in mid-rotation, as the next token is asked for', async () => {
    const client = await connected(LIFETIME)
    const asking = azure.authority.inject({ delay: 1 * second, disconnect: true, times: 1 })
    await until(() => expect(asking.hits).toBe(1))
    await client.freeze()
    await until(() => expect(azure.authority.stats().inFlight).toBe(0))
    await farEndCloses()
    await tokensEnd()
    client.thaw()
    await expectFirstQueryWorks(client)
  })

  it('in mid-rotation, as the next connections log in', async () => {
    const client = await connected(LIFETIME)
    const login = azure.gateway.inject({ at: 'login', action: { hang: true }, times: 1 })
    await until(() => expect(login.hits).toBe(1))
    await client.freeze()
    await farEndCloses()
    await tokensEnd()
    client.thaw()
    await expectFirstQueryWorks(client)
  })
})

describe.skipIf(process.platform === 'win32')('a process that was frozen while its connections were closed', () => {
  /** In ms: well over the time for which a connection that was used is lent without asking it. */
  const DELAY = 1_000

  /** Freezes the process while it is busy, before its query; where that was too late, again. */
  async function freezeBeforeQuery(client: ClientProcess): Promise<void> {
    for (;;) {
      const { requests } = azure.gateway.stats()
      await client.blockAndQuery(DELAY)
      await client.freeze()
      const frozenAt = Date.now()
      await until(() => expect(Date.now()).toBeGreaterThan(frozenAt + DELAY))
      if (azure.gateway.stats().requests === requests) return
      client.thaw()
      await client.end()
    }
  }

  it.each(['end', 'reset'] as const)(
    '(%s): a query finds them dead before the event loop has reported them',
    async (how) => {
      const client = await connected(LONG)
      for (let round = 0; round < 3; round++) {
        await client.query(5)
        await until(() => expect(azure.gateway.stats().loggingIn).toBe(0))
        await freezeBeforeQuery(client)
        await farEndCloses(how)
        azure.gateway.resetStats()
        client.thaw()
        expect(await client.end()).toMatchObject({ failures: [] })
        // It came to the server once. Each login is followed by a batch that sets the session's options.
        const { requests, logins } = azure.gateway.stats()
        expect(requests - logins).toBe(1)
      }
      expect(azure.authority.stats().tokenRequests).toBe(1)
      await expectFirstQueryWorks(client)
    },
  )

  it('in mid-query: says that the statement may have run', async () => {
    const client = await connected(LONG)
    await freezeInMidQuery(client)
    await farEndCloses()
    client.thaw()
    expect(await client.end()).toMatchObject({ failures: [expect.stringMatching(/^P1017 CONNECTION_LOST:/)] })
    await expectFirstQueryWorks(client)
  })

  it('in a transaction: says that its connection is gone, and it was rolled back', async () => {
    const client = await connected(LONG)
    await client.transaction('frozen@example.test')
    await client.freeze()
    await farEndCloses()
    client.thaw()
    const { failures } = await client.end()
    expect(failures).toEqual([expect.stringMatching(/^(P1017 CONNECTION_LOST|P2034 TRANSACTION_INTERRUPTED):/)])
    expect(await azure.db.prisma.user.count()).toBe(0)
    await expectFirstQueryWorks(client)
  })
})
