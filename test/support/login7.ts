import type { Login7 } from '../../src/tds/login7.ts'

/** A LOGIN7 with nothing unusual, and no login in it. */
export function ordinaryLogin(overrides: Partial<Login7>): Login7 {
  return {
    tdsVersion: 0x74000004,
    packetSize: 4096,
    clientProgramVersion: 7,
    clientProcessId: 4711,
    connectionId: 0,
    flags: [0xe0, 0x03, 0, 0x08],
    timeZone: 60,
    lcid: 0x0409,
    hostName: 'a-host',
    userName: '',
    password: '',
    applicationName: 'a test',
    serverName: 'localhost',
    libraryName: 'a library',
    language: 'us_english',
    database: '',
    clientId: Buffer.from([1, 2, 3, 4, 5, 6]),
    sspi: Buffer.alloc(0),
    attachDatabaseFile: '',
    changePassword: '',
    features: [],
    ...overrides,
  }
}
