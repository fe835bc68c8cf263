import { ByteReader, uint32 } from './bytes.ts'

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

/** What the server says about where to get a token (FEDAUTHINFO, MS-TDS 2.2.7.12). */
export interface FedAuthInfo {
  stsUrl: string
  spn: string
}

/** Ids of the parts of FEDAUTHINFO. */
export const FedAuthInfoId = { STSURL: 0x01, SPN: 0x02 } as const

/** Reads the body of a FEDAUTHINFO token. @throws {@link TdsProtocolError} */
export function parseFedAuthInfo(body: Buffer): FedAuthInfo {
  const reader = new ByteReader(body, 'FEDAUTHINFO')
  const info: FedAuthInfo = { stsUrl: '', spn: '' }
  for (let count = reader.uint32(); count > 0; count--) {
    const id = reader.uint8()
    const length = reader.uint32()
    const value = reader.at(reader.uint32(), length).toString('utf16le')
    if (id === FedAuthInfoId.STSURL) info.stsUrl = value
    if (id === FedAuthInfoId.SPN) info.spn = value
  }
  return info
}
