import { randomBytes } from 'node:crypto'
import { ByteReader, TdsProtocolError, uint16, uint32 } from './bytes.ts'
import { encodeFeatures, type FeatureData, parseFeatures } from './features.ts'

/**
 * LOGIN7's ClientID, random for each process: a locally administered MAC address (IEEE 802). The real one is private.
 */
export const CLIENT_ID = Buffer.concat([Buffer.from([0x02]), randomBytes(5)])

/** The largest LOGIN7 message: 128 KiB - 1, in bytes (MS-TDS 2.2.6.4). */
export const MAX_LOGIN7_LENGTH = 128 * 1024 - 1

/** Versions of TDS that a login may ask for (MS-TDS 2.2.6.4). The latest has the smallest number. */
export const TdsVersion = { TDS_7_3_B: 0x730b0003, TDS_7_4: 0x74000004, TDS_8_0: 0x08000000 } as const

/** The first version with features, and FEDAUTH among them (MS-TDS 2.2.6.4), in its oldest form. */
const FIRST_TDS_7_4 = 0x74000000

/** Whether this version of TDS has features, and with them Entra logins. */
export function knowsFeatures(tdsVersion: number): boolean {
  return tdsVersion >= FIRST_TDS_7_4 || tdsVersion === TdsVersion.TDS_8_0
}

/** The first version whose LOGIN7 can change a password, and whose tokens count lines and rows in longer numbers. */
const FIRST_TDS_7_2 = 0x72090002

/** Whether this version is TDS 7.2 or later (MS-TDS 2.2.6.4). */
export function isTds72(tdsVersion: number): boolean {
  return tdsVersion >= FIRST_TDS_7_2 || tdsVersion === TdsVersion.TDS_8_0
}

export interface Login7 {
  tdsVersion: number
  packetSize: number
  clientProgramVersion: number
  clientProcessId: number
  connectionId: number
  /** The four option bytes: OptionFlags1, OptionFlags2, TypeFlags, OptionFlags3 less fExtension. */
  flags: readonly [number, number, number, number]
  timeZone: number
  lcid: number
  hostName: string
  userName: string
  password: string
  applicationName: string
  serverName: string
  libraryName: string
  language: string
  database: string
  /** The client's network address, 6 bytes. */
  clientId: Buffer
  sspi: Buffer
  attachDatabaseFile: string
  changePassword: string
  features: FeatureData[]
}

/** Bytes before the variable part. */
const FIXED_LENGTH = 94
/** OptionFlags3: the message holds features. */
const EXTENSION = 0x10

/** Swaps the halves of each byte and inverts some bits (MS-TDS 2.2.6.4). This protects nothing. */
function obfuscatePassword(password: string): Buffer {
  const bytes = Buffer.from(password, 'utf16le')
  return bytes.map((byte) => (((byte << 4) | (byte >> 4)) & 0xff) ^ 0xa5) as Buffer
}

function revealPassword(bytes: Buffer): string {
  const clear = Buffer.from(
    bytes.map((byte) => {
      const swapped = byte ^ 0xa5
      return ((swapped << 4) | (swapped >> 4)) & 0xff
    }),
  )
  return clear.toString('utf16le')
}

/** Encodes a LOGIN7 message, without its packet header. @throws {@link TdsProtocolError} if it would be too long */
export function encodeLogin7(login: Login7): Buffer {
  const { features, sspi } = login
  const [flags1, flags2, typeFlags, flags3] = login.flags
  const hasFeatures = features.length > 0
  const extension = Buffer.alloc(hasFeatures ? 4 : 0)
  const data: Buffer[] = []
  let end = FIXED_LENGTH
  /** Puts bytes behind the fixed part; gives their offset, and their length in units of so many bytes. */
  const entry = (bytes: Buffer, unit: number) => {
    const offset = end
    data.push(bytes)
    end += bytes.length
    return Buffer.concat([uint16(offset), uint16(Math.min(bytes.length / unit, 0xffff))])
  }
  const text = (value: string) => entry(Buffer.from(value, 'utf16le'), 2)
  const fixed = [
    login.tdsVersion,
    login.packetSize,
    login.clientProgramVersion,
    login.clientProcessId,
    login.connectionId,
  ].map(uint32)
  fixed.push(
    Buffer.from([flags1, flags2, typeFlags, hasFeatures ? flags3 | EXTENSION : flags3 & ~EXTENSION]),
    uint32(login.timeZone),
    uint32(login.lcid),
    text(login.hostName),
    text(login.userName),
    entry(obfuscatePassword(login.password), 2),
    text(login.applicationName),
    text(login.serverName),
    entry(extension, 1),
    text(login.libraryName),
    text(login.language),
    text(login.database),
    login.clientId,
    entry(sspi, 1),
    text(login.attachDatabaseFile),
    entry(obfuscatePassword(login.changePassword), 2),
    uint32(sspi.length > 0xffff ? sspi.length : 0),
  )
  if (hasFeatures) {
    extension.writeUInt32LE(end)
    data.push(encodeFeatures(features))
  }
  const rest = Buffer.concat([...fixed, ...data])
  const length = 4 + rest.length
  if (length > MAX_LOGIN7_LENGTH) {
    throw new TdsProtocolError(`LOGIN7 would be ${length} bytes long; ${MAX_LOGIN7_LENGTH} is the most.`)
  }
  return Buffer.concat([uint32(length), rest])
}

/** Reads a LOGIN7 message, without its packet header. @throws {@link TdsProtocolError} */
export function parseLogin7(bytes: Buffer): Login7 {
  const reader = new ByteReader(bytes, 'LOGIN7')
  const length = reader.uint32()
  if (length !== bytes.length) throw new TdsProtocolError(`LOGIN7 says ${length} bytes and has ${bytes.length}.`)
  const part = (unit: number) => {
    const offset = reader.uint16()
    return reader.at(offset, reader.uint16() * unit)
  }
  const text = () => part(2).toString('utf16le')
  // In the order of the message.
  const beginning = {
    tdsVersion: reader.uint32(),
    packetSize: reader.uint32(),
    clientProgramVersion: reader.uint32(),
    clientProcessId: reader.uint32(),
    connectionId: reader.uint32(),
    flags: [reader.uint8(), reader.uint8(), reader.uint8(), reader.uint8()] as const,
    timeZone: reader.int32(),
    lcid: reader.uint32(),
    hostName: text(),
    userName: text(),
    password: revealPassword(part(2)),
    applicationName: text(),
    serverName: text(),
  }
  const extension = part(1)
  const [flags1, flags2, typeFlags, flags3] = beginning.flags
  // Before TDS 7.4 the bit means nothing, but tedious sets it.
  const hasFeatures = (flags3 & EXTENSION) !== 0 && knowsFeatures(beginning.tdsVersion)
  return {
    ...beginning,
    flags: [flags1, flags2, typeFlags, flags3 & ~EXTENSION],
    libraryName: text(),
    language: text(),
    database: text(),
    clientId: reader.bytes(6),
    sspi: part(1),
    attachDatabaseFile: text(),
    changePassword: isTds72(beginning.tdsVersion) ? revealPassword(part(2)) : '',
    features: hasFeatures ? featuresAt(bytes, extension) : [],
  }
}

function featuresAt(message: Buffer, extension: Buffer): FeatureData[] {
  const offset = new ByteReader(extension, "LOGIN7's extension").uint32()
  if (offset > message.length) throw new TdsProtocolError('LOGIN7 names features past its end.')
  return parseFeatures(new ByteReader(message.subarray(offset), "LOGIN7's features"))
}
