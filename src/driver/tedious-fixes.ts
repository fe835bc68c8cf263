import type { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { DEFAULT_PACKET_SIZE } from '../tds/packet.ts'
import { untilAborted } from '../time/event-loop.ts'
import { type DriverConnection, driverUnsupported, requireMembers } from './official-adapter.ts'

/** The parts of a tedious connection that are used here. All are private, so each is checked first. */
interface Internals {
  config: { server: string; authentication: object; options: { packetSize: number } }
  /** The server's redirect, from the login response to the next LOGIN7. */
  routingData?: { server: string; port: number; instance?: string } | undefined
  messageIo?: { outgoingMessageStream: { packetSize: number } }
  sendPreLogin(): void
  sendLogin7Packet(): void
  /** Does TLS before any TDS (`encrypt: 'strict'`). */
  wrapWithTls(socket: Socket, signal: AbortSignal): Promise<TLSSocket>
  /** Reads the answer to LOGIN7. */
  performSentLogin7WithStandardLogin(signal: AbortSignal): Promise<unknown>
}

const METHODS = ['sendPreLogin', 'sendLogin7Packet', 'wrapWithTls', 'performSentLogin7WithStandardLogin']

/** The drivers in this process whose login is good: each version is checked once. */
const supported = new WeakSet<object>()

/**
 * Works around what tedious does wrong on the wire. To be called once for each connection, before it has a socket.
 *
 * Supports tedious 19.2.1 to 20.x. Earlier versions send a login that SQL database in Fabric and others refuse.
 *
 * @throws EntraError `DRIVER_UNSUPPORTED`, which names the version to install; nothing was sent
 */
export function patchConnection(connection: DriverConnection): void {
  const internals = connection as DriverConnection & Internals
  requireSupported(internals)
  keepPacketsInRecords(internals)
  wrapWithTlsAsRouted(internals)
  endInterruptedLogin(internals)
  commitUndisturbed(connection)
}

function requireSupported(connection: Internals): void {
  requireMembers(connection, 'function', METHODS)
  if (supported.has(connection.constructor)) return
  const { version, featuresAtEnd } = dryRun(connection)
  // tedious #1718: some servers take the features at the end of LOGIN7 alone. 19.2.1 put them there; the two other things
  // that Fabric wants had come before, with 19.1: a TRACEID (#1668) and the instance of a redirect (#1695).
  if (!featuresAtEnd) {
    const why = 'its login has the features in a place where SQL database in Fabric does not accept them'
    throw driverUnsupported(why, undefined, version)
  }
  supported.add(connection.constructor)
}

/** Makes the driver write its PRELOGIN and LOGIN7, without the token, to see what it would send. */
function dryRun(connection: Internals): { version: string; featuresAtEnd: boolean } {
  const sent: Buffer[] = []
  const messageIo = { sendMessage: (_type: number, data: Buffer) => sent.push(data) }
  const authentication = { type: 'azure-active-directory-access-token', options: { token: 'none' } }
  const stage: Internals = Object.create(connection, {
    messageIo: { value: messageIo },
    debug: { value: { payload: () => {} } },
    config: { value: { ...connection.config, authentication } },
    routingData: { value: undefined, writable: true },
  })
  try {
    stage.sendPreLogin()
    stage.sendLogin7Packet()
    const [prelogin, login7] = sent
    if (prelogin === undefined || login7 === undefined) throw new Error('It sends no login.')
    return { version: versionIn(prelogin), featuresAtEnd: hasFeaturesAtEnd(login7) }
  } catch (cause) {
    throw driverUnsupported('it encodes its login in a different way', cause)
  }
}

/** VERSION is the first option (MS-TDS 2.2.6.5). */
function versionIn(prelogin: Buffer): string {
  const at = prelogin.readUInt16BE(1)
  return `${prelogin.readUInt8(at)}.${prelogin.readUInt8(at + 1)}.${prelogin.readUInt16BE(at + 2)}`
}

/** Whether the features come after the texts, of which the next is the library's name (MS-TDS 2.2.6.4). */
function hasFeaturesAtEnd(login7: Buffer): boolean {
  const features = login7.readUInt32LE(login7.readUInt16LE(56))
  return features > login7.readUInt16LE(60)
}

/**
 * One packet is one TLS record, and the packets of a login have 4096 bytes, whatever `packetSize` asks for: before the
 * server has agreed to another size it hangs up on any other (tedious #923, #1182; rust-mssql-driver #213).
 *
 * - All versions cut LOGIN7 by the `packetSize` that they only ask for in it.
 * - With `encrypt: 'strict'` nothing keeps records apart before 20.2 (#1762, #1764).
 * - With `encrypt: true` all versions put the ATTENTION of a request that is cancelled as it goes out into the record of
 *   its last packet, or half of it.
 */
function keepPacketsInRecords(connection: DriverConnection & Internals): void {
  const { sendPreLogin, sendLogin7Packet } = connection
  connection.on('secure', writeOneByOne)
  // Both are called for each socket: after a redirect there is one more. In between, the records of TDS 7 are limited to
  // the packet size; OpenSSL can make that limit smaller later on, but no larger, whatever `setMaxSendFragment` says.
  connection.sendPreLogin = function (this: Internals) {
    const packets = outgoingPackets(this)
    packets.packetSize = Math.max(packets.packetSize, DEFAULT_PACKET_SIZE)
    sendPreLogin.call(this)
  }
  connection.sendLogin7Packet = function (this: Internals) {
    outgoingPackets(this).packetSize = DEFAULT_PACKET_SIZE
    sendLogin7Packet.call(this)
  }
}

function outgoingPackets(connection: Internals): { packetSize: number } {
  const packets = connection.messageIo?.outgoingMessageStream
  if (typeof packets?.packetSize === 'number') return packets
  throw driverUnsupported('it has no packet size to set')
}

/** Without `_writev` a stream writes what is queued one by one, and TLS makes a record of each. */
function writeOneByOne(socket: Writable): void {
  Object.assign(socket, { _writev: undefined })
}

/**
 * With `encrypt: 'strict'` all versions, 20.3.9 included, ask a server that they were redirected to for the certificate
 * of the one that redirected them. It has one for its own name alone (#1081 is the same for TDS 7).
 */
function wrapWithTlsAsRouted(connection: Internals): void {
  const { wrapWithTls } = connection
  connection.wrapWithTls = async (socket, signal) => {
    const { config, routingData } = connection
    const server = routingData?.server ?? config.server
    const packetSize = Math.max(config.options.packetSize, DEFAULT_PACKET_SIZE)
    const view = { ...config, server, options: { ...config.options, packetSize } }
    const secured = await wrapWithTls.call(Object.create(connection, { config: { value: view } }), socket, signal)
    writeOneByOne(secured)
    return secured
  }
}

/**
 * Before 20.0.3 a login whose answer breaks off is waited for without end: the socket's end and the connect timeout are
 * not heeded while the answer is read.
 */
function endInterruptedLogin(connection: Internals): void {
  const { performSentLogin7WithStandardLogin: readAnswer } = connection
  connection.performSentLogin7WithStandardLogin = (signal) =>
    untilAborted(signal, () => readAnswer.call(connection, signal))
}

/**
 * mssql's Transaction forgets its connection when the server rolls back, and then reads `null` where COMMIT is answered:
 * the process ends. So only the answer to COMMIT may report a rollback to it.
 */
function commitUndisturbed(connection: DriverConnection): void {
  const { commitTransaction } = connection
  const events: EventEmitter = connection
  connection.commitTransaction = (callback, name) => {
    const listeners = events.rawListeners('rollbackTransaction') as (() => void)[]
    for (const listener of listeners) events.removeListener('rollbackTransaction', listener)
    const answered: typeof callback = (...result) => {
      for (const listener of listeners) events.on('rollbackTransaction', listener)
      callback(...result)
    }
    return commitTransaction.call(connection, answered, name)
  }
}
