import { EventEmitter } from 'node:events'
import { connect, createServer } from 'node:net'
import { describe, expect, it, vi } from 'vitest'
import { ConnectionCount } from '../../soak/connection-count.ts'
import { EventLog } from '../../soak/event-log.ts'
import { FaultLog } from '../../soak/fault-log.ts'
import { leftOver, socketCount } from '../../soak/resources.ts'
import { RotationWatch } from '../../soak/rotation-watch.ts'

type Connection = Parameters<ConnectionCount['add']>[0]

describe('connections', () => {
  it('are counted until they end, each once, and the most is told', () => {
    const told: number[] = []
    const count = new ConnectionCount((most) => told.push(most))
    const connections = [1, 2, 3].map(() => new EventEmitter())
    const [first, second, third] = connections
    for (const connection of [first, second]) count.add(connection as unknown as Connection)
    expect([count.open, count.most]).toEqual([2, 2])
    first?.emit('error', new Error('lost'))
    first?.emit('end')
    expect([count.open, count.most]).toEqual([1, 2])
    count.add(third as unknown as Connection)
    expect([count.open, count.most]).toEqual([2, 2])
    expect(told).toEqual([1, 2])
  })
})

describe('rotations', () => {
  it('are undisturbed where no fault was on from the beginning to the end', () => {
    const faults = new FaultLog(60_000)
    const watch = new RotationWatch(faults)
    const rotate = (from: number, until: number) => {
      watch.onEvent({ type: 'rotation.started', at: from, from: 1, reason: 'token' })
      const rest = { from: 1, to: 2, reason: 'token', durationMs: until - from, connections: 1 } as const
      watch.onEvent({ type: 'rotation.finished', at: until, ...rest })
    }
    faults.begin('tls: drop', 1_000).until = 2_000
    rotate(500, 1_500)
    rotate(1_500, 2_500)
    expect(watch.undisturbed).toBe(0)
    rotate(2_500, 3_000)
    expect(watch.undisturbed).toBe(1)
  })
})

describe('the log of events', () => {
  const start = Date.UTC(2026, 0, 1)

  it('shows times from the event on, and the messages of errors', () => {
    const log = new EventLog(10)
    log.addEvent({ type: 'generation.opened', at: start, generation: 3, expiresOn: start + 9_000 })
    const error = new Error('no server')
    log.addEvent({ type: 'rotation.failed', at: start + 1_500, from: 3, reason: 'token', error, retryInMs: 250.4 })
    expect(log.since(start)).toEqual([
      '00:00:00.000 generation.opened: generation 3, expiresOn in 9000 ms',
      '00:00:01.500 rotation.failed: from 3, reason token, error no server, retryInMs 250',
    ])
    expect(log.since(start + 1_000)).toHaveLength(1)
  })

  it('keeps the last ones', () => {
    const log = new EventLog(3)
    for (let i = 0; i < 10; i++) log.add(start + i, `event ${i}`)
    expect(log.since(0).map((line) => line.slice(-7))).toEqual(['event 7', 'event 8', 'event 9'])
  })
})

describe('resources', () => {
  it('are sockets, and whatever was not there before', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await vi.waitFor(() => expect(server.address()).not.toBeNull())
    const before = process.getActiveResourcesInfo()
    const sockets = socketCount()
    const address = server.address()
    const socket = connect({ port: typeof address === 'object' ? (address?.port ?? 0) : 0, host: '127.0.0.1' })
    await new Promise((resolve) => socket.once('connect', resolve))
    // Both ends are in this process.
    await vi.waitFor(() => expect(socketCount()).toBe(sockets + 2))
    expect(leftOver(before).filter((kind) => kind === 'TCPSocketWrap')).toHaveLength(2)
    expect(leftOver(before)).not.toContain('TCPServerWrap')
    socket.destroy()
    await new Promise((resolve) => server.close(resolve))
    await vi.waitFor(() => expect(leftOver(before).filter((kind) => kind === 'TCPSocketWrap')).toEqual([]))
  })
})
