/**
 * What real servers insist on, and therefore a gateway too. The gateway closes the connection of a client that breaks a
 * rule, without an error unless the rule says otherwise.
 *
 * - `record-per-packet`: a TLS record carries one whole packet; none is split over records, none shares one
 * - `packet-size`: a packet has at most the agreed size: 4096 bytes until LOGINACK, then what ENVCHANGE 4 said
 * - `full-packets`: each packet of a message but the last has exactly that size
 * - `message-per-flight`: each TLS flight of a TDS 7 client is one PRELOGIN message
 * - `prelogin-version`: PRELOGIN begins with VERSION
 * - `prelogin-fedauth`: FEDAUTHREQUIRED, where PRELOGIN has it, is 1
 * - `trace-id`: PRELOGIN has a TRACEID of 36 bytes (`fabric`)
 * - `tds8-only`: TLS comes before PRELOGIN (`strict-only`)
 * - `login7-field-length`: no text of LOGIN7 is longer than 128 characters (a file to attach: 260)
 * - `login7-extension`: what ibExtension points to has at most 255 bytes
 * - `features-terminated`: LOGIN7's features end with a terminator
 * - `features-last`: nothing follows LOGIN7's features (`fabric`)
 * - `fedauth-echo`: FEDAUTH's echo bit says what the server's PRELOGIN said; otherwise error 18456, and the end
 * - `server-name`: LOGIN7's ServerName is a name of this server; otherwise error 40532, and the end. After a redirect
 *   it is the name that the redirect gave, an instance included
 *
 * docs/reliability.md has the source of each.
 */
export type GatewayRule = (typeof GATEWAY_RULES)[number]

export const GATEWAY_RULES = [
  'record-per-packet',
  'packet-size',
  'full-packets',
  'message-per-flight',
  'prelogin-version',
  'prelogin-fedauth',
  'trace-id',
  'tds8-only',
  'login7-field-length',
  'login7-extension',
  'features-terminated',
  'features-last',
  'fedauth-echo',
  'server-name',
] as const

/**
 * Which kind of server a gateway behaves like.
 *
 * - `azure`: Azure SQL Database
 * - `fabric`: a SQL database or warehouse of Fabric: wants TRACEID, and redirects to `host\instance`
 * - `synapse`: serverless Synapse: three DONEINPROC come before LOGINACK
 * - `strict-only`: SQL Server 2025 with forced strict encryption: accepts only TDS 8
 */
export type GatewayKind = 'azure' | 'fabric' | 'synapse' | 'strict-only'

/** Rules turned on or off one by one; the others are those of the kind. `none`: no rule is in force. */
export type RuleChoice = Partial<Record<GatewayRule, boolean>> | 'none'

/** Rules that only one kind of server has. */
const RULES_OF_A_KIND: Partial<Record<GatewayRule, GatewayKind>> = {
  'trace-id': 'fabric',
  'features-last': 'fabric',
  'tds8-only': 'strict-only',
}

export function rulesOf(kind: GatewayKind, choice: RuleChoice = {}): ReadonlySet<GatewayRule> {
  if (choice === 'none') return new Set()
  return new Set(GATEWAY_RULES.filter((rule) => choice[rule] ?? (RULES_OF_A_KIND[rule] ?? kind) === kind))
}

/** A client broke a rule; its connection is closed. */
export class RuleBroken extends Error {
  constructor(rule: GatewayRule) {
    super(`The client broke the rule ${rule}.`)
  }
}

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
