import type { EntraErrorCode } from '../../src/errors/entra-error.ts'

/** Prisma's code where it has one, what the message says of the failure, and what of the remedy. */
export const EXPECTED: Readonly<
  Record<EntraErrorCode, readonly [prisma: string | undefined, what: RegExp, remedy: RegExp]>
> = {
  CONFIG_INVALID: [undefined, /port must be/, /from 1 to 65535/],
  CONFIG_CREDENTIALS: [undefined, /signs in with tokens/, /use @prisma\/adapter-mssql/],
  CONFIG_PLAINTEXT: [undefined, /encrypt is false for db\.example\.test/, /Remove it/],
  TOKEN_INVALID: ['P1000', /is not a JSON Web Token/, /Return \{ token, expiresOnTimestamp \}/],
  TOKEN_EXPIRED: ['P1000', /expired \d+ s ago/, /check the clock/],
  TOKEN_REQUEST_FAILED: ['P1000', /AADSTS7000215: Invalid client secret provided\./, /value of the client secret/],
  CREDENTIALS_FAILED: ['P1000', /None of 2 credentials .*\n- Env.*\n- WorkloadIdentityC.*\n/s, /choose another way/],
  TOKEN_REQUEST_THROTTLED: ['P1000', /AADSTS90055: There are too many .* requested too often/s, /ask less often/],
  TOKEN_REQUEST_TIMEOUT: ['P1000', /did not answer within 200 ms/, /Check that this machine can reach its endpoint/],
  TOKEN_UNAVAILABLE: ['P1000', /within 1000 ms\. ManagedIdentityCredential .*status 500/s, /choose another way/],
  TOKEN_REFUSED: [
    'P1000',
    /it is for https:\/\/graph.*server expects https:\/\/database\.windows/s,
    /remove the option scope/,
  ],
  PRINCIPAL_UNKNOWN: ['P1010', /"local-app" has no user in the database "/, /CREATE USER \[local-app\] FROM EXTERNAL/],
  ENTRA_LOGIN_UNSUPPORTED: ['P1000', /does not accept Microsoft Entra logins/, /@prisma\/adapter-mssql with a user/],
  LOGIN_FAILED: ['P1000', /account is disabled\. \(error 18470, state 1\)/, /Look up error 18470/],
  FIREWALL: [
    'P1001',
    /firewall blocks 203\.0\.113\.7/,
    /az sql server firewall-rule .*--start-ip-address 203\.0\.113\.7/s,
  ],
  DATABASE_NOT_FOUND: [
    'P1003',
    /Cannot open database "no_such_database".*error 4060/s,
    /Check the names.*\n.*CREATE USER/s,
  ],
  DATABASE_UNAVAILABLE: ['P1001', /is not currently available.*error 40613.*paused, moving/s, /clears up by itself/],
  TOO_MANY_CONNECTIONS: ['P2037', /request limit .* has been reached.*error 10928/s, /fewer connections/],
  DATABASE_READ_ONLY: ['P1001', /database is read-only.*error 3906.*did not run/s, /connect to the primary/],
  SERVER_NOT_FOUND: ['P1001', /DNS has no entry for that name/, /Check the host name/],
  SERVER_UNREACHABLE: ['P1001', /ECONNREFUSED.*Nothing listens/s, /Check the host and port/],
  LOGIN_TIMEOUT: ['P1002', /in 3000ms\.\nThe server was reached/, /longer connectTimeout/],
  TLS_FAILED: ['P1011', /no certificate authority that this machine trusts/, /NODE_EXTRA_CA_CERTS/],
  CONNECT_FAILED: ['P1001', /No connection to the server could be opened/, /check what answers/],
  ON_CONNECT_FAILED: [undefined, /onConnect failed.*no tenant/, /Correct it/],
  CONNECT_TIMEOUT: ['P2024', /within 500 ms.*All 1 connections/s, /the pool larger/],
  SESSION_TOKEN_EXPIRED: ['P1017', /ended the session because the token/, /can be run again/],
  STATEMENT_TOKEN_EXPIRED: ['P1017', /still running when the token/, /must be shorter/],
  STATEMENT_TIMEOUT: ['P1008', /took too long and was canceled.*500ms/s, /socketTimeout/],
  CONNECTION_LOST: ['P1017', /lost while a statement was running/, /look at the data/],
  NOT_SENT: ['P1017', /did not run/, /can be run again/],
  TRANSACTION_TOKEN_EXPIRED: ['P2034', /transaction was still open when the token/, /can be run again/],
  TRANSACTION_INTERRUPTED: ['P2034', /interrupted, and rolled back/, /can be run again/],
  CLOSED: [undefined, /was disconnected/, /Call \$connect/],
  DEPENDENCY_MISSING: [undefined, /could not be loaded/, /npm install @azure\/identity-vscode/],
  DRIVER_UNSUPPORTED: [undefined, /The installed driver, tedious.* cannot be used/, /npm install tedious@19\.2\.2/],
}

/** SQL Server's number, where it has one. */
export const NUMBERS: Partial<Record<EntraErrorCode, number>> = {
  TOKEN_REFUSED: 18456,
  PRINCIPAL_UNKNOWN: 18456,
  ENTRA_LOGIN_UNSUPPORTED: 18456,
  LOGIN_FAILED: 18470,
  FIREWALL: 40615,
  DATABASE_NOT_FOUND: 4060,
  DATABASE_UNAVAILABLE: 40613,
  TOO_MANY_CONNECTIONS: 10928,
  DATABASE_READ_ONLY: 3906,
  TRANSACTION_INTERRUPTED: 40613,
  SESSION_TOKEN_EXPIRED: 37396,
}
