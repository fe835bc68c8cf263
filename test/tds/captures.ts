/**
 * What real servers sent, as public reports print it, without packet headers. Read off reports, not off code: each with
 * where it stands.
 */
const bytes = (hex: string) => Buffer.from(hex.replace(/\s+/g, ''), 'hex')

/** tediousjs/tedious#610: SQL Server 2008 SP2 (10.0.4000) to PRELOGIN; THREADID without data, as all servers answer it. */
export const preloginOf2008 = bytes(`
  00 00 1A 00 06 01 00 20 00 01 02 00 21 00 01 03 00 22 00 00 04 00 22 00 01 FF 0A 00 0F A0 00 00
  01 00 00`)

/** tediousjs/tedious#294: Azure SQL Database in 2015 (11.0.1247, whose last number is 2) to PRELOGIN. */
export const preloginOfAzure = bytes(`
  00 00 1A 00 06 01 00 20 00 01 02 00 21 00 01 03 00 22 00 00 04 00 22 00 01 FF 0B 00 04 DF 00 02
  01 00 00`)

/** FreeTDS/freetds#425: SQL Server 2014 (12.0.6024), which only the login needs to be encrypted for; no MARS in it. */
export const preloginOf2014 = bytes(`
  00 00 15 00 06 01 00 1B 00 01 02 00 1C 00 01 03 00 1D 00 00 FF 0C 00 17 88 00 00 00 00`)

/** r2dbc/r2dbc-mssql, PreloginUnitTests: SQL Server 2017 (14.0.3038), which cannot encrypt. */
export const preloginOf2017 = bytes(`
  00 00 10 00 06 01 00 16 00 01 02 00 17 00 01 FF 0E 00 0B DE 00 00 02 00`)

/** r2dbc/r2dbc-mssql, LoginAckTokenUnitTests: LOGINACK of SQL Server 2017; the name has two zero characters behind it. */
export const loginAckOf2017 = bytes(`
  AD 36 00 01 74 00 00 04 16 4D 00 69 00 63 00 72 00 6F 00 73 00 6F 00 66 00 74 00 20 00 53 00 51
  00 4C 00 20 00 53 00 65 00 72 00 76 00 65 00 72 00 00 00 00 00 0E 00 0B DE`)

/** r2dbc/r2dbc-mssql#116, EnvChangeTokenUnitTests: Azure's redirect has no old value, not even its length of 0. */
export const routingWithoutOldValue = bytes(`
  E3 16 00 14 13 00 00 39 30 07 00 74 00 65 00 73 00 74 00 69 00 6E 00 67 00`)

/** praxiomlabs/rust-mssql-driver#210: FEDAUTHINFO of Azure SQL Database, June 2026, its tenant zeroed; SPN stands first. */
export const fedAuthInfoOfAzure = bytes(`
  EE CC 00 00 00 02 00 00 00 02 3A 00 00 00 16 00 00 00 01 7C 00 00 00 50 00 00 00 68 00 74 00 74
  00 70 00 73 00 3A 00 2F 00 2F 00 64 00 61 00 74 00 61 00 62 00 61 00 73 00 65 00 2E 00 77 00 69
  00 6E 00 64 00 6F 00 77 00 73 00 2E 00 6E 00 65 00 74 00 2F 00 68 00 74 00 74 00 70 00 73 00 3A
  00 2F 00 2F 00 6C 00 6F 00 67 00 69 00 6E 00 2E 00 77 00 69 00 6E 00 64 00 6F 00 77 00 73 00 2E
  00 6E 00 65 00 74 00 2F 00 30 00 30 00 30 00 30 00 30 00 30 00 30 00 30 00 2D 00 30 00 30 00 30
  00 30 00 2D 00 30 00 30 00 30 00 30 00 2D 00 30 00 30 00 30 00 30 00 2D 00 30 00 30 00 30 00 30
  00 30 00 30 00 30 00 30 00 30 00 30 00 30 00 30 00`)

/**
 * hugr-lab/mssql-extension#164 and #254: how Synapse serverless begins its answer to LOGIN7. (MS-TDS 4.21 has the like
 * in full.)
 */
export const beginningOfSynapse = bytes(`FF 11 00 C1 00 01 00 00 00 00 00 00 00 FF 11 00 C1`)
