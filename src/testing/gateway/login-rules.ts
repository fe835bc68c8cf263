import type { GatewayRule } from './rules.ts'

const PreloginOption = { VERSION: 0x00, TRACEID: 0x05, FEDAUTHREQUIRED: 0x06, TERMINATOR: 0xff } as const
/** A connection's GUID, an activity's GUID and its number, in bytes. */
const TRACEID_LENGTH = 36

/** The rules that a PRELOGIN message breaks (MS-TDS 2.2.6.5, 3.3.5.1), in the order in which a server meets them. */
export function rulesBrokenByPrelogin(message: Buffer): GatewayRule[] {
  const options = new Map<number, Buffer>()
  for (let at = 0; at + 5 <= message.length && message[at] !== PreloginOption.TERMINATOR; at += 5) {
    const offset = message.readUInt16BE(at + 1)
    options.set(message.readUInt8(at), message.subarray(offset, offset + message.readUInt16BE(at + 3)))
  }
  const broken: GatewayRule[] = []
  if (message[0] !== PreloginOption.VERSION) broken.push('prelogin-version')
  const fedAuth = options.get(PreloginOption.FEDAUTHREQUIRED)
  if (fedAuth !== undefined && fedAuth[0] !== 1) broken.push('prelogin-fedauth')
  if (options.get(PreloginOption.TRACEID)?.length !== TRACEID_LENGTH) broken.push('trace-id')
  return broken
}

/** Where LOGIN7 says how long each of its texts is, and how many characters it may have (MS-TDS 2.2.6.4). */
const TEXTS: readonly { at: number; most: number }[] = [
  ...[36, 40, 44, 48, 52, 60, 64, 68].map((at) => ({ at, most: 128 })), // hostName … serverName, libraryName … database
  { at: 82, most: 260 }, // attachDatabaseFile
  { at: 86, most: 128 }, // changePassword
]
const EXTENSION_AT = 56
const SSPI_AT = 78
const FIXED_LENGTH = 94
const FLAGS3_AT = 27
const F_EXTENSION = 0x10
const MAX_EXTENSION_LENGTH = 255
const FEATURES_TERMINATOR = 0xff

/** The rules that a LOGIN7 message breaks by its form (MS-TDS 2.2.6.4), in the order in which a server meets them. */
export function rulesBrokenByLogin7(message: Buffer): GatewayRule[] {
  if (message.length < FIXED_LENGTH) return []
  const broken: GatewayRule[] = []
  if (TEXTS.some(({ at, most }) => message.readUInt16LE(at + 2) > most)) broken.push('login7-field-length')
  if ((message.readUInt8(FLAGS3_AT) & F_EXTENSION) === 0) return broken
  const extension = message.readUInt16LE(EXTENSION_AT)
  if (message.readUInt16LE(EXTENSION_AT + 2) > MAX_EXTENSION_LENGTH) broken.push('login7-extension')
  const features = extension + 4 <= message.length ? message.readUInt32LE(extension) : message.length
  const end = endOfFeatures(message, features)
  if (end === undefined) broken.push('features-terminated')
  const texts = [...TEXTS, { at: EXTENSION_AT }, { at: SSPI_AT }]
  if (texts.some(({ at }) => message.readUInt16LE(at + 2) > 0 && message.readUInt16LE(at) > features)) {
    broken.push('features-last')
  }
  return broken
}

/** Where the terminator ends, if there is one. */
function endOfFeatures(message: Buffer, start: number): number | undefined {
  for (let at = start; at < message.length; ) {
    if (message[at] === FEATURES_TERMINATOR) return at + 1
    if (at + 5 > message.length) return undefined
    at += 5 + message.readUInt32LE(at + 1)
  }
  return undefined
}
