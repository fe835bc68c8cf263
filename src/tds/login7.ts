import { randomBytes } from 'node:crypto'
import { ByteReader, TdsProtocolError } from './bytes.ts'
import { encodeFeatures, type FeatureData, parseFeatures } from './features.ts'

/**
 * LOGIN7's ClientID, random for each process: a locally administered MAC address (IEEE 802). The real one is private.
 */
export const CLIENT_ID = Buffer.concat([Buffer.from([0x02]), randomBytes(5)])

/** The largest LOGIN7 message: 128 KiB - 1, in bytes (MS-TDS 2.2.6.4). */
export const MAX_LOGIN7_LENGTH = 128 * 1024 - 1

/** Versions of TDS that a login may ask for (MS-TDS 2.2.6.4). The later version has the smaller number. */
export const TdsVersion = { TDS_7_4: 0x74000004, TDS_8_0: 0x08000000 } as const

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

/** A LOGIN7 message. */
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

/** The texts in the order of their offsets. The extension comes between serverName and libraryName. */
const TEXTS_BEFORE = ['hostName', 'userName', 'password', 'applicationName', 'serverName'] as const
const TEXTS_AFTER = ['libraryName', 'language', 'database'] as const

/** Swaps the halves of each byte and inverts some bits (MS-TDS 2.2.6.4). This protects nothing. */
export function obfuscatePassword(password: string): Buffer {
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
  const fixed = Buffer.alloc(FIXED_LENGTH)
  const data: Buffer[] = []
  let end = FIXED_LENGTH
  let at = 36
  const append = (bytes: Buffer, units: number) => {
    fixed.writeUInt16LE(end, at)
    fixed.writeUInt16LE(units, at + 2)
    at += 4
    data.push(bytes)
    end += bytes.length
  }
  const appendText = (text: string) => append(Buffer.from(text, 'utf16le'), text.length)

  for (const name of TEXTS_BEFORE) {
    if (name === 'password') append(obfuscatePassword(login.password), login.password.length)
    else appendText(login[name])
  }
  const extension = Buffer.alloc(login.features.length > 0 ? 4 : 0)
  append(extension, extension.length)
  for (const name of TEXTS_AFTER) appendText(login[name])
  login.clientId.copy(fixed, at, 0, 6)
  at += 6
  append(login.sspi, Math.min(login.sspi.length, 0xffff))
  appendText(login.attachDatabaseFile)
  append(obfuscatePassword(login.changePassword), login.changePassword.length)
  fixed.writeUInt32LE(login.sspi.length > 0xffff ? login.sspi.length : 0, at)

  if (login.features.length > 0) {
    extension.writeUInt32LE(end)
    data.push(encodeFeatures(login.features))
  }
  const message = Buffer.concat([fixed, ...data])
  if (message.length > MAX_LOGIN7_LENGTH) {
    throw new TdsProtocolError(`LOGIN7 would be ${message.length} bytes long; ${MAX_LOGIN7_LENGTH} is the most.`)
  }
  const numbers = [
    message.length,
    login.tdsVersion,
    login.packetSize,
    login.clientProgramVersion,
    login.clientProcessId,
    login.connectionId,
  ]
  for (const [i, number] of numbers.entries()) message.writeUInt32LE(number >>> 0, i * 4)
  const [flags1, flags2, typeFlags, flags3] = login.flags
  const extended = login.features.length > 0 ? flags3 | EXTENSION : flags3 & ~EXTENSION
  Buffer.from([flags1, flags2, typeFlags, extended]).copy(message, 24)
  message.writeInt32LE(login.timeZone, 28)
  message.writeUInt32LE(login.lcid, 32)
  return message
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
