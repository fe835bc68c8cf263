/**
 * What real servers insist on, and a gateway therefore too. A client that breaks a rule finds the connection closed,
 * without an error, unless the rule says otherwise.
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
 * - `features-last`: nothing stands behind LOGIN7's features (`fabric`)
 * - `fedauth-echo`: FEDAUTH's echo bit says what the server's PRELOGIN said; otherwise error 18456, and the end
 * - `server-name`: LOGIN7's ServerName is a name of this server; otherwise error 40532, and the end. After a redirect
 *   it is the name that the redirect gave, an instance included
 *
 * Whose word each is, is in docs/reliability.md.
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
 * Which server a gateway is like.
 *
 * - `azure`: Azure SQL Database
 * - `fabric`: a SQL database or warehouse of Fabric: wants TRACEID, and redirects to `host\instance`
 * - `synapse`: serverless Synapse: three DONEINPROC stand before LOGINACK
 * - `strict-only`: SQL Server 2025 with forced strict encryption: takes TDS 8 alone
 */
export type GatewayKind = 'azure' | 'fabric' | 'synapse' | 'strict-only'

/** Rules turned on or off one by one; the others are as the kind has them. `none`: it takes anything. */
export type RuleChoice = Partial<Record<GatewayRule, boolean>> | 'none'

/** Rules that hold for one kind of server alone. */
const RULES_OF_A_KIND: Partial<Record<GatewayRule, GatewayKind>> = {
  'trace-id': 'fabric',
  'features-last': 'fabric',
  'tds8-only': 'strict-only',
}

/** The rules in force. */
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
