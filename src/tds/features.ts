import { type ByteReader, uint32 } from './bytes.ts'

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

/** One feature, its data as it stands in the message. */
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
