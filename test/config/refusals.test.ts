import { describe, expect, it } from 'vitest'
import { readConfig } from '../../src/config/config.ts'
import { EntraError } from '../../src/errors/entra-error.ts'

const ID = '11111111-2222-3333-4444-555555555555'

/** What the carets of a message stand under. */
function pointedAt(message: string): string {
  const lines = message.split('\n')
  const carets = lines.find((line) => /^ *\^+$/.test(line)) ?? ''
  const excerpt = lines[lines.indexOf(carets) - 1] ?? ''
  return excerpt.slice(carets.indexOf('^'), carets.length)
}

function refusalOf(text: string): EntraError {
  try {
    readConfig(text)
  } catch (error) {
    if (error instanceof EntraError) return error
    throw error
  }
  throw new Error('not refused')
}

describe('a refused connection string points at the mistake', () => {
  it.each([
    // no server, or none that can be
    ['sqlserver://;database=x', /names no server/, ';'],
    ['sqlserver://:1433;database=x', /names no server/, ':'],
    ['Server=;Database=x', /names no server: Server=HOST,1433/, 'S'],
    ['Database=x', /names no server/, 'D'],
    ['sqlserver://a b', /not the name of a server/, 'a b'],
    ['sqlserver://h/app', /Write the database as ;database=NAME/, 'h/app'],
    ['sqlserver://h:1433/app', /Write the database as ;database=NAME, not \/NAME/, '1433/app'],
    ['h:1433/app', /Write the database as ;database=NAME/, '1433/app'],
    ['sqlserver://h:1433/app;password=geheim@x', /port must be/, '***'],
    ['sqlserver://h,1433', /Write the port as HOST:1433/, 'h,1433'],
    ['Server=h:1433', /Write the port as HOST,1433/, 'h:1433'],
    ['Server=np:\\\\.\\pipe\\sql\\query', /Named pipes/, 'np:\\\\.\\pipe\\sql\\query'],
    ['Server=\\\\.\\pipe\\sql\\query', /Named pipes/, '\\\\.\\pipe\\sql\\query'],
    ['Server=lpc:h', /Shared memory/, 'lpc:h'],
    ['Server=admin:h', /dedicated administrator/, 'admin:h'],
    ['Server=(localdb)\\MSSQLLocalDB', /LocalDB is not supported/, '(localdb)\\MSSQLLocalDB'],
    ['sqlserver://h;server=x', /names the server twice/, 'x'],
    ['sqlserver://sa:geheim@h/app', /no "user:password@"/, '***'],
    // ports
    ['sqlserver://h:0', /port must be a whole number from 1 to 65535, not "0"/, '0'],
    ['sqlserver://h:65536;database=x', /port must be/, '65536'],
    ['sqlserver://h:x', /port must be/, '***'],
    ['sqlserver://h:', /port must be/, ''],
    ['sa:geheim://h', /port must be/, '***'],
    ['sqlserver://sa:geheim;x=geheim;database=geheim@h', /port must be/, '***'],
    ['Server=tcp:h,0', /port must be a whole number from 1/, '0'],
    ['Server=h,abc', /port must be/, 'abc'],
    ['jdbc:sqlserver://h;portNumber=-1', /portNumber must be/, '-1'],
    ['sqlserver://h:1433;port=1444', /names the port twice/, '1444'],
    ['sqlserver://h\\i;instanceName=j', /names the instance twice/, 'j'],
    // not name=value, or twice
    ['sqlserver://h;database', /"database" without "="/, 'database'],
    ['sqlserver://h;geheim', /has a part without "="/, '***'],
    ['sqlserver://h;password=a;geheim', /If it belongs to password, put the whole value in braces/, '***'],
    ['Server=h;Pwd=a;geheim', /If it belongs to Pwd, put the whole value in quotes/, '***'],
    ['Server=h;Database', /"Database" without "="/, 'Database'],
    ['sqlserver://h;=x', /a value without a name/, '***'],
    ['sqlserver://h;database=a;Database=b', /Database twice/, 'Database'],
    [
      'Server=h;Database=a;Initial Catalog=b',
      /the same parameter as Database and as Initial Catalog/,
      'Initial Catalog',
    ],
    ['Server=h;Data Source=h', /the same parameter as Server and as Data Source/, 'Data Source'],
    ['sqlserver://h;connectTimeout=5000;loginTimeout=5000', /the same parameter/, 'loginTimeout'],
    ['sqlserver://h;foo=1;FOO=2', /FOO twice/, 'FOO'],
    // quotes
    ['sqlserver://h;database={a', /database opens a brace that it does not close/, '{'],
    ['sqlserver://h;database={a}};encrypt=true', /opens a brace/, '{'],
    ['sqlserver://h;database={a}b', /database continues after its closing brace/, '{***'],
    ['Server=h;Database="a', /Database opens a quote that it does not close/, '"'],
    ["Server=h;Database='a;Encrypt=true", /opens a quote/, "'"],
    ['Server=h;Database="a"b', /continues after its closing quote/, '"***'],
    ['Server=h;Database==a', /begins with "=" must be in quotes/, '=a'],
    // values
    ['sqlserver://h;encrypt=maybe', /encrypt must be true, false or strict, not "maybe"/, 'maybe'],
    ['sqlserver://h;trustServerCertificate=1', /must be true or false, not "1"/, '1'],
    ['Server=h;MultiSubnetFailover=x', /must be true or false/, 'x'],
    ['sqlserver://h;connectionLimit=0', /connectionLimit must be a whole number from 1/, '0'],
    ['sqlserver://h;connectTimeout=abc', /connectTimeout must be a whole number/, 'abc'],
    ['sqlserver://h;connectTimeout=-1', /connectTimeout must be a whole number/, '-1'],
    ['sqlserver://h;connectTimeout=1.5', /connectTimeout must be a whole number/, '1.5'],
    ['Server=h;Connection Timeout=2147484', /from 0 to 2147483, not/, '2147484'],
    ['sqlserver://h;socketTimeout=1s', /socketTimeout must be a whole number/, '1s'],
    ['sqlserver://h;poolTimeout=x', /poolTimeout must be/, 'x'],
    ['sqlserver://h;isolationLevel=none', /isolation level such as/, 'none'],
    ['Server=h;ApplicationIntent=Read', /ApplicationIntent must be ReadOnly or ReadWrite, not "Read"/, 'Read'],
    ['Server=h;Packet Size=100', /Packet Size must be a whole number from 512 to 32767/, '100'],
    ['Server=h;Current Language={us; drop}', /Current Language must be the name of a language.*not \*\*\*/, '***'],
    ['Server=h;Max Pool Size=5;Min Pool Size=6', /Min Pool Size is larger than the maximum/, '6'],
    ['sqlserver://h;trustServerCertificateCA=/none.pem', /not the path of a certificate file.*ENOENT/, '/none.pem'],
    // authentication
    [
      'sqlserver://h;authentication=ActiveDirectoryDefalt',
      /no authentication "ActiveDirectoryDefalt"\. Did you mean ActiveDirectoryDefault\?/,
      'ActiveDirectoryDefalt',
    ],
    [
      'sqlserver://h;authentication=magic',
      /no authentication "magic"\. Choose one of ActiveDirectoryDefault, /,
      'magic',
    ],
    [
      `sqlserver://h;authentication=ActiveDirectoryPassword;user=me;password=geheim`,
      /deprecated.*multi-factor.*Use ActiveDirectoryManagedIdentity/,
      'ActiveDirectoryPassword',
    ],
    ['Server=h;Authentication="Active Directory Password"', /deprecated/, '"Active Directory Password"'],
    [
      'sqlserver://h;authentication=ActiveDirectoryServicePrincipal;password=geheim',
      /needs the application's id \(user or clientId\)/,
      'ActiveDirectoryServicePrincipal',
    ],
    [
      `sqlserver://h;authentication=ActiveDirectoryServicePrincipal;user=${ID}`,
      /needs the application's secret/,
      'ActiveDirectoryServicePrincipal',
    ],
    [
      `sqlserver://h;authentication=ActiveDirectoryServicePrincipalCertificate;user=${ID}`,
      /needs the path of a PEM file/,
      'ActiveDirectoryServicePrincipalCertificate',
    ],
    [
      'sqlserver://h;authentication=ActiveDirectoryDefault;user=me;password=geheim',
      /authentication=ActiveDirectoryDefault does not use password/,
      '***',
    ],
    ['sqlserver://h;authentication=ActiveDirectoryMSI;clientSecret=geheim', /does not use clientSecret/, '***'],
    [
      'sqlserver://h;authentication=ActiveDirectoryMSI;user=app',
      /user must be a client id \(a GUID\), not "app"/,
      'app',
    ],
    ['sqlserver://h;authentication=ActiveDirectoryMSI;objectId=1', /objectId must be an object id \(a GUID\)/, '1'],
    ['sqlserver://h;authentication=ActiveDirectoryMSI;resourceId=x', /resourceId must be a resource id/, 'x'],
    ['sqlserver://h;authentication=AzureCli;tenantId=a/b', /tenantId must be a tenant/, 'a/b'],
    [
      `sqlserver://h;authentication=ActiveDirectoryMSI;user=${ID};objectId=${ID}`,
      /objectId and user cannot both be given/,
      ID,
    ],
    [
      `sqlserver://h;authentication=ActiveDirectoryServicePrincipal;user=${ID};password=a;clientSecret=b`,
      /cannot both be given/,
      '***',
    ],
  ])('%s', (text, message, place) => {
    const error = refusalOf(text)
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) })
    expect(pointedAt(error.message)).toBe(place)
    expect(error.message).not.toMatch(/geheim/)
  })

  it.each([
    [
      'sqlserver://h;user=sa;password=geheim',
      /remove user, password.*use @prisma\/adapter-mssql for user and pass/,
      'sa',
    ],
    ['sqlserver://h;password=geheim', /remove password/, '***'],
    ['Server=h;User ID=sa;Password=geheim', /remove User ID, Password/, 'sa'],
    ['Server=h;UID=sa', /remove UID/, 'sa'],
    ['sqlserver://h;authentication=SqlPassword;user=sa;password=geheim', /signs in with tokens/, 'SqlPassword'],
    ['Server=h;Authentication="Sql Password"', /signs in with tokens/, '"Sql Password"'],
    ['jdbc:sqlserver://h;authentication=NotSpecified;user=sa;password=geheim', /remove user, password/, 'sa'],
    ['Server=h;Integrated Security=SSPI', /remove Integrated Security/, 'SSPI'],
    ['Server=h;Trusted_Connection=yes', /remove Trusted_Connection/, 'yes'],
    ['jdbc:sqlserver://h;integratedSecurity=true', /remove integratedSecurity/, 'true'],
    ['sqlserver://h;accessToken=geheim', /remove accessToken/, '***'],
  ])('as another way to sign in: %s', (text, message, place) => {
    const error = refusalOf(text)
    expect(error).toMatchObject({ code: 'CONFIG_CREDENTIALS', message: expect.stringMatching(message) })
    expect(pointedAt(error.message)).toBe(place)
    expect(error.message).not.toMatch(/geheim/)
  })

  it.each(['@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/s)', '"@Microsoft.KeyVault(x)"'])(
    'as a reference to Key Vault that was not resolved: %s',
    (text) => {
      const { code, message } = refusalOf(text)
      expect(code).toBe('CONFIG_INVALID')
      expect(message).toMatch(/reference to Key Vault that was not resolved.*Key Vault Secrets User/)
    },
  )

  it.each(['postgresql://sa:geheim@h/app', 'mssql://sa:geheim@h/app', 'jdbc:postgresql://h'])(
    'as another URL: %s',
    (text) => {
      const error = refusalOf(text)
      expect(error.message).toMatch(/begins with sqlserver:\/\/, not with (jdbc:)?[a-z]+:\/\/\n/)
      expect(error.message).not.toMatch(/geheim/)
    },
  )
})
