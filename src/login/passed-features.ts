import { Feature, type FeatureData } from '../tds/features.ts'

/**
 * The features that a client may have through the proxy. All that they change is what the session says, which is passed
 * on as it is. What is not here is not asked for upstream, and the client goes without it, as on an older server.
 */
const PASSED: ReadonlySet<number> = new Set([
  // State that the client brings along when it connects anew: here, as before.
  Feature.SESSION_RECOVERY,
  // Always Encrypted: the client gets its keys itself, and what it sends is read by the server alone.
  Feature.COLUMN_ENCRYPTION,
  // Messages of transaction managers, within the session.
  Feature.GLOBAL_TRANSACTIONS,
  // Types and tokens within results.
  Feature.DATA_CLASSIFICATION,
  Feature.UTF8_SUPPORT,
  Feature.JSON_SUPPORT,
  Feature.VECTOR_SUPPORT,
  // The client's name and version, for the server's statistics. It is not answered.
  Feature.USER_AGENT,
])

/*
 * Left out, of those that are known:
 * - FEDAUTH: the proxy asks for its own.
 * - AZURE_SQL_SUPPORT: promises that a failover partner takes logins. The client would dial it, past the proxy, with a
 *   made-up password.
 * - AZURE_SQL_DNS_CACHING: has the client remember the address of a server, here that of the proxy, which is gone soon.
 * - ENHANCED_ROUTING: allows the server to send the client elsewhere, past the proxy. SqlClient 7 and JDBC 13.5 always
 *   ask for it (SqlClient #3641, mssql-jdbc #2935).
 */

/** The features that are asked for upstream in a client's name. */
export function passedFeatures(asked: readonly FeatureData[]): FeatureData[] {
  return asked.filter(({ id }) => PASSED.has(id))
}
