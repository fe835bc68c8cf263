import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ownerOf, peerOf } from '../../src/proxy/admission.ts'

/** Lines as the kernel of a little-endian machine prints them, shortened at the end. */
const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:37FA 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1 0
   1: 0100007F:37FA 0100007F:D431 01 00000000:00000000 00:00000000 00000000  1000        0 2 1 0
   2: 0100007F:D431 0100007F:37FA 01 00000000:00000000 00:00000000 00000000  1001        0 3 1 0
   3: 0200007F:D431 0100007F:37FA 01 00000000:00000000 00:00000000 00000000  1002        0 4 1 0
`
const TCP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid
   0: 0000000000000000FFFF00000100007F:D431 0000000000000000FFFF00000100007F:37FA 01 00000000:00000000 00:00000000 00000000   33        0 5 1
`
const TCP_BE = '   2: 7F000001:D431 7F000001:37FA 01 00000000:00000000 00:00000000 00000000  1001        0 3 1 0'
const TCP6_BE =
  '   0: 00000000000000000000FFFF7F000001:D431 00000000000000000000FFFF7F000001:37FA 01 00000000:00000000 00:0 0   33  0'

const server = { address: '127.0.0.1', port: 0x37fa }
const client = (address = '127.0.0.1', port = 0xd431) => ({ address, port })

describe('the owner of a socket', () => {
  it.each<[string, string, ReturnType<typeof client>, 'LE' | 'BE', number | undefined]>([
    ['is found by both ends', TCP, client(), 'LE', 1001],
    ['of another loopback address is another one', TCP, client('127.0.0.2'), 'LE', 1002],
    ['is found where the socket is one of IPv6', TCP6, client(), 'LE', 33],
    ['is found where our own is one of IPv6', TCP, client('::ffff:127.0.0.1'), 'LE', 1001],
    ['is found on a big-endian machine', TCP_BE, client(), 'BE', 1001],
    ['is found on a big-endian machine in IPv6', TCP6_BE, client(), 'BE', 33],
    ['is not that of our own end, nor of who listens', TCP, client('127.0.0.1', 0x37fa), 'LE', undefined],
    ['is none where the connection is not in it', TCP, client('127.0.0.1', 1), 'LE', undefined],
    ['is none in an empty table', '', client(), 'LE', undefined],
  ])('%s', (_, table, local, order, uid) => {
    expect(ownerOf(table, local, server, order)).toBe(uid)
  })
})

const linux = process.platform === 'linux'
const root = process.geteuid?.() === 0

describe('the peer of a connection', () => {
  const listener = createServer()
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
    socket.destroy()
  })

  it.runIf(linux)('that is not to be found is nobody we know', async () => {
    expect(await peerOf({ address: '127.0.0.1', port: 1 }, { address: '127.0.0.1', port: 2 })).toBe('other-user')
  })

  it.runIf(!linux)('is not told by this system', async () => {
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
