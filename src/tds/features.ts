import { ByteReader, TdsProtocolError, uint32 } from './bytes.ts'

/** Ids of the features that LOGIN7 asks for and FEATUREEXTACK grants (FeatureExt, MS-TDS 2.2.6.4). */
export const Feature = {
  SESSION_RECOVERY: 0x01,
  FEDAUTH: 0x02,
  COLUMN_ENCRYPTION: 0x04,
  GLOBAL_TRANSACTIONS: 0x05,
  AZURE_SQL_SUPPORT: 0x08,
  DATA_CLASSIFICATION: 0x09,
  UTF8_SUPPORT: 0x0a,
  AZURE_SQL_DNS_CACHING: 0x0b,
  JSON_SUPPORT: 0x0d,
  VECTOR_SUPPORT: 0x0e,
  ENHANCED_ROUTING: 0x0f,
  USER_AGENT: 0x10,
} as const

/** One feature with its raw data. */
export interface FeatureData {
  id: number
  data: Buffer
}

const TERMINATOR = 0xff

/** The features, one after the other, and the terminator. */
export function encodeFeatures(features: readonly FeatureData[]): Buffer {
  const parts = features.flatMap(({ id, data }) => [Buffer.from([id]), uint32(data.length), data])
  return Buffer.concat([...parts, Buffer.from([TERMINATOR])])
}

/** Reads features up to the terminator. @throws {@link TdsProtocolError} */
export function parseFeatures(reader: ByteReader): FeatureData[] {
  const features: FeatureData[] = []
  for (let id = reader.uint8(); id !== TERMINATOR; id = reader.uint8()) {
    features.push({ id, data: reader.bytes(reader.uint32()) })
  }
  return features
}

/** How the client gets its token to the server (MS-TDS 2.2.6.4, FEDAUTH). */
export const FedAuthLibrary = {
  /** The token is in LOGIN7. */
  SECURITY_TOKEN: 0x01,
  /** The server first names STS and SPN, and the client sends a FEDAUTH_TOKEN message. */
  ADAL: 0x02,
} as const

/** The data of LOGIN7's FEDAUTH feature. */
export type FedAuthRequest =
  | { library: typeof FedAuthLibrary.SECURITY_TOKEN; echo: boolean; token: string }
  | { library: typeof FedAuthLibrary.ADAL; echo: boolean; workflow: number }

export function encodeFedAuthRequest(request: FedAuthRequest): Buffer {
  const options = Buffer.from([(request.library << 1) | Number(request.echo)])
  if (request.library === FedAuthLibrary.ADAL) return Buffer.concat([options, Buffer.from([request.workflow])])
  const token = Buffer.from(request.token, 'utf16le')
  return Buffer.concat([options, uint32(token.length), token])
}

/** @throws {@link TdsProtocolError} */
export function parseFedAuthRequest(data: Buffer): FedAuthRequest {
  const reader = new ByteReader(data, 'the FEDAUTH feature')
  const options = reader.uint8()
  const echo = (options & 1) === 1
  const library = options >> 1
  if (library === FedAuthLibrary.ADAL) return { library, echo, workflow: reader.uint8() }
  if (library !== FedAuthLibrary.SECURITY_TOKEN) {
    throw new TdsProtocolError(`FEDAUTH library ${library} is not known here.`)
  }
  return { library, echo, token: reader.bytes(reader.uint32()).toString('utf16le') }
}

/** What the server says of where to get a token (FEDAUTHINFO, MS-TDS 2.2.7.12). */
export interface FedAuthInfo {
  stsUrl: string
  spn: string
}

const INFO_TOKEN = 0xee
const InfoId = { STSURL: 0x01, SPN: 0x02 } as const

/** The FEDAUTHINFO token, with its type byte. */
export function encodeFedAuthInfo({ stsUrl, spn }: FedAuthInfo): Buffer {
  const values: [number, Buffer][] = [
    [InfoId.STSURL, Buffer.from(stsUrl, 'utf16le')],
    [InfoId.SPN, Buffer.from(spn, 'utf16le')],
  ]
  let offset = 4 + values.length * 9
  const index = values.map(([id, value]) => {
    const entry = Buffer.concat([Buffer.from([id]), uint32(value.length), uint32(offset)])
    offset += value.length
    return entry
  })
  const body = Buffer.concat([uint32(values.length), ...index, ...values.map(([, value]) => value)])
  return Buffer.concat([Buffer.from([INFO_TOKEN]), uint32(body.length), body])
}

/** Reads the body of a FEDAUTHINFO token. @throws {@link TdsProtocolError} */
export function parseFedAuthInfo(body: Buffer): FedAuthInfo {
  const reader = new ByteReader(body, 'FEDAUTHINFO')
  const info: FedAuthInfo = { stsUrl: '', spn: '' }
  for (let count = reader.uint32(); count > 0; count--) {
    const id = reader.uint8()
    const length = reader.uint32()
    const value = reader.at(reader.uint32(), length).toString('utf16le')
    if (id === InfoId.STSURL) info.stsUrl = value
    if (id === InfoId.SPN) info.spn = value
  }
  return info
}

/** The body of a FEDAUTH_TOKEN message (packet type 0x08, MS-TDS 2.2.6.3). */
export function encodeFedAuthToken(token: string): Buffer {
  const bytes = Buffer.from(token, 'utf16le')
  return Buffer.concat([uint32(bytes.length + 4), uint32(bytes.length), bytes])
}

/** @throws {@link TdsProtocolError} */
export function parseFedAuthToken(body: Buffer): string {
  const reader = new ByteReader(body, 'the FEDAUTH_TOKEN message')
  reader.uint32()
  return reader.bytes(reader.uint32()).toString('utf16le')
}
