import { describe, expect, it } from 'vitest'
import type { FaultAction, GatewayFault } from '../../../src/testing/index.ts'
import { hold, rotatesOnce, useFaultyAzure } from './support.ts'

const azure = useFaultyAzure()

const refuse = (number: number, message?: string): FaultAction => ({ refuse: { number, ...(message && { message }) } })
const FIREWALL =
  "Cannot open server 'myserver' requested by the login. Client with IP address '203.0.113.7' is not allowed to access " +
  'the server.'

describe('a rotation whose login fails', () => {
  it.each<[string, GatewayFault, RegExp]>([
    ['the database is not available', { at: 'login', action: refuse(40613) }, /40613/],
    ['the firewall is closed', { at: 'login', action: refuse(40615, FIREWALL) }, /203\.0\.113\.7.*40615/s],
    ['logins are cut off', { at: 'login', action: { drop: true } }, /No connection to the server/],
    ['connections are reset', { at: 'accept', action: { reset: true } }, /No connection to the server/],
  ])('because %s keeps the old connection in use and is retried', async (_, fault, message) => {
    const credential = rotatesOnce(azure)
    const { prisma, adapter, events } = azure.connect({ credential, random: () => 0 })
    await prisma.user.count()
    const outage = azure.gateway.inject({ ...fault, times: 2 })
    const { error } = await events.nth(1, 'rotation.failed')
    expect(error.message).toMatch(message)
    expect(await prisma.user.count()).toBe(0)
    expect(azure.gateway.stats().sessionsOpen).toBe(1)
    expect(await events.nth(1, 'rotation.finished')).toMatchObject({ reason: 'token' })
    expect(outage.hits).toBe(2)
    expect(await prisma.user.count()).toBe(0)
    expect([credential.requests, adapter.stats().connectionsOpen]).toEqual([2, 1])
    expect(azure.gateway.stats().requestsAfterExpiry).toBe(0)
  })

  it('and then succeeds logs in at most three at a time', async () => {
    let open = () => {}
    const allOpen = new Promise<void>((resolve) => {
      open = resolve
    })
    const client = azure.connect({ credential: rotatesOnce(azure, allOpen) })
    const release = await hold(client, 8)
    azure.gateway.resetStats()
    azure.gateway.inject({ at: 'login', action: { delay: 50 } })
    open()
    await client.events.nth(1, 'rotation.started')
    await release()
    expect(await client.events.nth(1, 'rotation.finished')).toMatchObject({ connections: 8 })
    expect(azure.gateway.stats()).toMatchObject({ logins: 8, requestsAfterExpiry: 0 })
    expect(azure.gateway.stats().mostLoggingIn).toBeLessThanOrEqual(3)
  })
})
