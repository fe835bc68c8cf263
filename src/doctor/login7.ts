import { hostname } from 'node:os'
import { CLIENT_ID, type Login7, TdsVersion } from '../tds/login7.ts'

/** What doctor asks for in a login: all that drivers do, nothing unusual. */
export function doctorWishes(): Login7 {
  return {
    tdsVersion: TdsVersion.TDS_7_4,
    packetSize: 4096,
    clientProgramVersion: 0,
    clientProcessId: process.pid,
    connectionId: 0,
    // A database and a language that are not there end the login (MS-TDS 2.2.6.4).
    flags: [0xe0, 0x03, 0, 0x08],
    timeZone: 0,
    lcid: 0x0409,
    hostName: hostname(),
    userName: '',
    password: '',
    applicationName: 'prisma-mssql-entra doctor',
    serverName: '',
    libraryName: 'prisma-adapter-mssql-entra',
    language: '',
    database: '',
    clientId: CLIENT_ID,
    sspi: Buffer.alloc(0),
    attachDatabaseFile: '',
    changePassword: '',
    features: [],
  }
}
