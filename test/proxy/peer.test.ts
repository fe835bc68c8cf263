import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { coalesced, isGone, ownerOf, ownersIn, peerOf } from '../../src/proxy/peer.ts'

/** Lines as the kernel of a little-endian machine prints them, shortened at the end. */
const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:37FA 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 11 1 0
   1: 0100007F:37FA 0100007F:D431 01 00000000:00000000 00:00000000 00000000  1000        0 2 1 0
   2: 0100007F:D431 0100007F:37FA 01 00000000:00000000 00:00000000 00000000  1001        0 3 1 0
   3: 0200007F:D431 0100007F:37FA 01 00000000:00000000 00:00000000 00000000  1002        0 4 1 0
`
const LEFT = '   2: 0100007F:D431 0100007F:37FA 05 00000000:00000000 00:00000000 00000000     0        0 0 1 0'
const TCP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid
   0: 0000000000000000FFFF00000100007F:D431 0000000000000000FFFF00000100007F:37FA 01 00000000:00000000 00:00000000 00000000   33        0 5 1
`
const TCP_BE = '   2: 7F000001:D431 7F000001:37FA 01 00000000:00000000 00:00000000 00000000  1001        0 3 1 0'
const TCP6_BE =
  '   0: 00000000000000000000FFFF7F000001:D431 00000000000000000000FFFF7F000001:37FA 01 0:0 00:0 0   33  0 5'

const server = { address: '127.0.0.1', port: 0x37fa }
const client = (address = '127.0.0.1', port = 0xd431) => ({ address, port })

describe('the owner of a socket', () => {
  it.each<[string, string, ReturnType<typeof client>, 'LE' | 'BE', ReturnType<typeof ownerOf>]>([
    ['is found by both ends', TCP, client(), 'LE', 1001],
    ['of another loopback address is another one', TCP, client('127.0.0.2'), 'LE', 1002],
    ['is found where the socket is one of IPv6', TCP6, client(), 'LE', 33],
    ['is found where our own is one of IPv6', TCP, client('::ffff:127.0.0.1'), 'LE', 1001],
    ['is found on a big-endian machine', TCP_BE, client(), 'BE', 1001],
    ['is found on a big-endian machine in IPv6', TCP6_BE, client(), 'BE', 33],
    ['is not that of our own end, nor of who listens', TCP, client('127.0.0.1', 0x37fa), 'LE', undefined],
    ['is nobody once its process has closed it', LEFT, client(), 'LE', 'none'],
    ['is unknown where the connection is not in it', TCP, client('127.0.0.1', 1), 'LE', undefined],
    ['is unknown in an empty table', '', client(), 'LE', undefined],
  ])('%s', (_, table, local, order, uid) => {
    expect(ownerOf(ownersIn(table, server.port), local, server, order)).toBe(uid)
  })
})

const linux = process.platform === 'linux'
const root = process.geteuid?.() === 0

describe('the peer of a connection', () => {
  const listener = createServer({ allowHalfOpen: true })
  const accepted = async (): Promise<Socket> => (await once(listener, 'connection'))[0]
  const ends = (socket: Socket) => {
    const { remoteAddress = '', remotePort = 0, localAddress = '', localPort = 0 } = socket
    return [
      { address: remoteAddress, port: remotePort },
      { address: localAddress, port: localPort },
    ] as const
  }
  beforeAll(async () => {
    listener.listen(0, '127.0.0.1')
    await once(listener, 'listening')
  })
  afterAll(() => listener.close())
  const port = () => (listener.address() as AddressInfo).port

  it.runIf(linux)('of our own process is the same user', async () => {
    const socket = connect(port(), '127.0.0.1')
    const [client, server] = ends(await accepted())
    expect(await peerOf(client, server)).toBe('same-user')
    socket.end()
    await once(socket, 'finish')
    expect(await isGone(client, server)).toBe(false)
    socket.destroy()
    await vi.waitFor(async () => expect(await isGone(client, server)).toBe(true))
    expect(await peerOf(client, server)).not.toBe('same-user')
  })

  it.runIf(linux)('that cannot be found counts as another user', async () => {
    expect(await peerOf({ address: '127.0.0.1', port: 1 }, { address: '127.0.0.1', port: 2 })).toBe('other-user')
  })

  it.runIf(!linux)('is unknown on a system that does not tell', async () => {
    expect(await peerOf({ address: '127.0.0.1', port: 1 }, { address: '127.0.0.1', port: 2 })).toBe('unknown')
  })

  it.runIf(linux && root)('of another user is known (needs root)', async () => {
    const script = `require('net').connect(${port()}, '127.0.0.1').on('close', () => process.exit())`
    const child = spawn(process.execPath, ['-e', script], { uid: 65_534, gid: 65_534, stdio: 'ignore', cwd: '/' })
    const socket = await accepted()
    const [client, server] = ends(socket)
    expect(await peerOf(client, server)).toBe('other-user')
    socket.destroy()
    await once(child, 'exit')
  })
})

describe('one action shared by many callers', () => {
  it('begins only after each caller has asked', async () => {
    const begun: number[] = []
    let runs = 0
    const gates: (() => void)[] = []
    const shared = coalesced(async () => {
      const run = ++runs
      begun.push(run)
      await new Promise<void>((resolve) => gates.push(resolve))
      return run
    })
    const first = shared()
    const late = [shared(), shared(), shared()]
    expect(begun).toEqual([1])
    gates.shift()?.()
    expect(await first).toBe(1)
    await Promise.resolve()
    const later = shared()
    expect(begun).toEqual([1, 2])
    gates.shift()?.()
    expect(await Promise.all(late)).toEqual([2, 2, 2])
    await Promise.resolve()
    gates.shift()?.()
    expect(await later).toBe(3)
  })

  it('runs again after one that failed', async () => {
    let runs = 0
    const shared = coalesced(async () => {
      if (++runs === 1) throw new Error('x')
      return runs
    })
    const [first, second] = [shared(), shared()]
    await expect(first).rejects.toThrow('x')
    expect(await second).toBe(2)
    expect(await shared()).toBe(3)
  })
})
