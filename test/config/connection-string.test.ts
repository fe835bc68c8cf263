import { describe, expect, it } from 'vitest'
import { readConfig } from '../../src/config/config.ts'
import { PORTAL, PORTAL_JDBC, PORTAL_ODBC } from './portal-strings.ts'

describe('the connection settings of a connection string', () => {
  it.each([
    // Prisma's: the address
    ['sqlserver://host', { server: 'host' }],
    ['SQLServer://host', { server: 'host' }],
    ['host', { server: 'host' }],
    ['host:1444', { server: 'host', port: 1444 }],
    ['  sqlserver://h:1444 ; database = app ; ', { server: 'h', port: 1444, database: 'app' }],
    ['sqlserver://host\\instance', { server: 'host\\instance' }],
    ['sqlserver://host\\instance:1444', { server: 'host', port: 1444 }],
    ['sqlserver://127.0.0.1:1444', { server: '127.0.0.1', port: 1444 }],
    ['sqlserver://[::1]:1444', { server: '::1', port: 1444 }],
    ['sqlserver://[fe80::1]', { server: 'fe80::1' }],
    ['sqlserver://h;', { server: 'h' }],
    ['sqlserver://h;;;', { server: 'h' }],
    // names in any case, with synonyms; values in braces
    ['sqlserver://h:1433;database=app', { server: 'h', port: 1433, database: 'app' }],
    ['sqlserver://h;initial catalog=app;', { server: 'h', database: 'app' }],
    ['sqlserver://h;DATABASE=app', { server: 'h', database: 'app' }],
    ['sqlserver://h;databaseName=app', { server: 'h', database: 'app' }],
    ['sqlserver://h;database={a;b=c}', { server: 'h', database: 'a;b=c' }],
    ['sqlserver://h;database={a}}b}', { server: 'h', database: 'a}b' }],
    ['sqlserver://h;database= {app} ', { server: 'h', database: 'app' }],
    ['sqlserver://h;database={ app }', { server: 'h', database: ' app ' }],
    ['sqlserver://h;database=a{b', { server: 'h', database: 'a{b' }],
    ['sqlserver://h;database=a=b', { server: 'h', database: 'a=b' }],
    ['sqlserver://h;database="app"', { server: 'h', database: '"app"' }],
    ['sqlserver://h;database=', { server: 'h' }],
    ['sqlserver://h;database={}', { server: 'h' }],
    // what the official adapter takes
    ['sqlserver://h;encrypt=true', { server: 'h', options: { encrypt: true } }],
    ['sqlserver://h;encrypt=strict', { server: 'h', options: { encrypt: 'strict' } }],
    ['sqlserver://h;encrypt=Mandatory', { server: 'h', options: { encrypt: true } }],
    ['sqlserver://localhost;encrypt=false', { server: 'localhost', options: { encrypt: false } }],
    ['sqlserver://localhost;encrypt=DANGER_PLAINTEXT', { server: 'localhost', options: { encrypt: false } }],
    ['sqlserver://h;trustServerCertificate=True', { server: 'h', options: { trustServerCertificate: true } }],
    ['sqlserver://h;multiSubnetFailover=false', { server: 'h', options: { multiSubnetFailover: false } }],
    ['sqlserver://h;applicationName=x', { server: 'h', options: { appName: 'x' } }],
    ['sqlserver://h;application name={my app}', { server: 'h', options: { appName: 'my app' } }],
    ['sqlserver://h;connectionLimit=5', { server: 'h', pool: { max: 5 } }],
    ['sqlserver://h;poolTimeout=5', { server: 'h', pool: { acquireTimeoutMillis: 5000 } }],
    ['sqlserver://h;poolTimeout=0', { server: 'h', pool: { acquireTimeoutMillis: 2 ** 31 - 1 } }],
    ['sqlserver://h;connectionTimeout=5000', { server: 'h', connectionTimeout: 5000 }],
    ['sqlserver://h;connectTimeout=5000', { server: 'h', connectionTimeout: 5000 }],
    ['sqlserver://h;connectTimeout=0', { server: 'h', connectionTimeout: 0 }],
    ['sqlserver://h;loginTimeout=5000', { server: 'h', connectionTimeout: 5000 }],
    ['sqlserver://h;socketTimeout=5000', { server: 'h', requestTimeout: 5000 }],
    ['sqlserver://h;isolationLevel=READ UNCOMMITTED', { server: 'h', options: { isolationLevel: 1 } }],
    ['sqlserver://h;isolationLevel=ReadCommitted', { server: 'h', options: { isolationLevel: 2 } }],
    ['sqlserver://h;isolationLevel=repeatable read', { server: 'h', options: { isolationLevel: 3 } }],
    ['sqlserver://h;isolationLevel=Serializable', { server: 'h', options: { isolationLevel: 4 } }],
    ['sqlserver://h;isolationLevel=Snapshot', { server: 'h', options: { isolationLevel: 5 } }],
    // what only the schema engine takes
    ['sqlserver://h;connection_limit=5', { server: 'h', pool: { max: 5 } }],
    ['sqlserver://h;isolation_level=Snapshot', { server: 'h', options: { isolationLevel: 5 } }],
    ['sqlserver://h;login_timeout=5000', { server: 'h', connectionTimeout: 5000 }],
    ['sqlserver://h;socket_timeout=5000', { server: 'h', requestTimeout: 5000 }],
    ['sqlserver://h;pool_timeout=5', { server: 'h', pool: { acquireTimeoutMillis: 5000 } }],
    ['sqlserver://h;trust_server_certificate=yes', { server: 'h', options: { trustServerCertificate: true } }],
    ['sqlserver://h;max_idle_connection_lifetime=60', { server: 'h', pool: { idleTimeoutMillis: 60_000 } }],
    ['sqlserver://h;max_idle_connection_lifetime=0', { server: 'h', pool: { idleTimeoutMillis: 2 ** 31 - 1 } }],
    ['sqlserver://h;max_connection_lifetime=0', { server: 'h' }],
    // ADO.NET's
    [
      PORTAL,
      {
        server: 'myserver.database.windows.net',
        port: 1433,
        database: 'app',
        connectionTimeout: 30_000,
        options: { encrypt: true, trustServerCertificate: false },
      },
    ],
    ['Server=h', { server: 'h' }],
    ['server = h ; database = app', { server: 'h', database: 'app' }],
    ['Data Source=h,1444;Database=app', { server: 'h', port: 1444, database: 'app' }],
    ['Address=h', { server: 'h' }],
    ['Addr=h', { server: 'h' }],
    ['Network Address=h', { server: 'h' }],
    ['Server=TCP: h , 1444', { server: 'h', port: 1444 }],
    ['Server=h\\instance', { server: 'h\\instance' }],
    ['Server=tcp:h\\instance,1444', { server: 'h', port: 1444 }],
    ['Server=.', { server: 'localhost' }],
    ['Server=(local)', { server: 'localhost' }],
    ['Server=.\\SQLEXPRESS', { server: 'localhost\\SQLEXPRESS' }],
    ['Server=::1,1444', { server: '::1', port: 1444 }],
    ['Server=[::1],1444', { server: '::1', port: 1444 }],
    ['Server="h";Database=\'a;b\'', { server: 'h', database: 'a;b' }],
    ['Server=h;Database="say ""hi"""', { server: 'h', database: 'say "hi"' }],
    ['Server=h;Database={a}}b}', { server: 'h', database: 'a}b' }],
    ["Server=h;Database=it's", { server: 'h', database: "it's" }],
    ['Server=h;Database=;Encrypt=yes', { server: 'h', options: { encrypt: true } }],
    ['Server=h;User ID=;Password=;Encrypt=yes', { server: 'h', options: { encrypt: true } }],
    ['Server=h;Connect Timeout=30', { server: 'h', connectionTimeout: 30_000 }],
    ['Server=h;Timeout=0', { server: 'h', connectionTimeout: 0 }],
    ['Server=h;Command Timeout=60', { server: 'h', requestTimeout: 60_000 }],
    ['Server=h;Trust Server Certificate=true', { server: 'h', options: { trustServerCertificate: true } }],
    ['Server=h;Host Name In Certificate=x.y', { server: 'h', options: { serverName: 'x.y' } }],
    ['Server=h;ApplicationIntent=ReadOnly', { server: 'h', options: { readOnlyIntent: true } }],
    ['Server=h;Application Intent=readwrite', { server: 'h', options: { readOnlyIntent: false } }],
    ['Server=h;App=x;WSID=y', { server: 'h', options: { appName: 'x', workstationId: 'y' } }],
    ['Server=h;Current Language=us_english', { server: 'h', options: { language: 'us_english' } }],
    ['Server=h;Packet Size=8000', { server: 'h', options: { packetSize: 8000 } }],
    ['Server=h;Max Pool Size=50;Min Pool Size=5', { server: 'h', pool: { max: 50, min: 5 } }],
    ['Server=h;Min Pool Size=50', { server: 'h', pool: { max: 50, min: 50 } }],
    ['Server=h;Min Pool Size=5', { server: 'h', pool: { max: 10, min: 5 } }],
    [
      'Server=h;ConnectRetryCount=2;ConnectRetryInterval=5',
      { server: 'h', options: { maxRetriesOnTransientErrors: 2, connectionRetryInterval: 5000 } },
    ],
    [
      'Server=h;Persist Security Info=True;MultipleActiveResultSets=False;Pooling=yes;Enlist=true;Integrated Security=False',
      { server: 'h' },
    ],
    [
      PORTAL_ODBC,
      {
        server: 'myserver.database.windows.net',
        port: 1433,
        database: 'app',
        connectionTimeout: 30_000,
        options: { encrypt: true, trustServerCertificate: false },
      },
    ],
    // JDBC's
    [
      PORTAL_JDBC,
      {
        server: 'myserver.database.windows.net',
        port: 1433,
        database: 'app',
        connectionTimeout: 30_000,
        options: { encrypt: true, trustServerCertificate: false },
      },
    ],
    ['jdbc:sqlserver://h;databaseName=app', { server: 'h', database: 'app' }],
    ['jdbc:sqlserver://;serverName=h;portNumber=1444', { server: 'h', port: 1444 }],
    ['jdbc:sqlserver://;server=h;instanceName=i', { server: 'h\\i' }],
    ['jdbc:sqlserver://h;socketTimeout=5000', { server: 'h', requestTimeout: 5000 }],
    ['jdbc:sqlserver://h;queryTimeout=60', { server: 'h', requestTimeout: 60_000 }],
    ['jdbc:sqlserver://h;queryTimeout=60;socketTimeout=5000', { server: 'h', requestTimeout: 60_000 }],
    ['jdbc:sqlserver://h;socketTimeout=5000;queryTimeout=60', { server: 'h', requestTimeout: 60_000 }],
  ])('%s', (text, expected) => {
    const { config, warnings } = readConfig(text)
    expect(config).toEqual({ options: {}, pool: {}, ...expected })
    expect(warnings).toEqual([])
  })

  it('include the schema and the maximum age of a connection', () => {
    expect(readConfig('sqlserver://h;schema=sales;max_connection_lifetime=60')).toMatchObject({
      schema: 'sales',
      maxAge: 60_000,
    })
    expect(readConfig('Server=h;Connection Lifetime=60')).toMatchObject({ schema: undefined, maxAge: 60_000 })
    expect(readConfig('Server=h;Load Balance Timeout=0').maxAge).toBeUndefined()
  })
})

describe('a connection string causes a warning', () => {
  it.each([
    // unknown, with the nearest that is known
    ['sqlserver://h;databse=app', 'databse', /databse is not known and has no effect\. Did you mean database\?/],
    ['sqlserver://h;conectTimeout=30000', 'conectTimeout', /Did you mean connectTimeout\?/],
    ['sqlserver://h;trustServerCertificat=true', 'trustServerCertificat', /Did you mean trustServerCertificate\?/],
    ['Server=h;Intial Catalog=app', 'Intial Catalog', /Did you mean Initial Catalog\?/],
    ['sqlserver://h;somethingElse=1', 'somethingElse', /somethingElse is not known and has no effect\.$/],
    ['jdbc:sqlserver://h;sendStringParametersAsUnicode=false', 'sendStringParametersAsUnicode', /not known/],
    // unknown, and perhaps the rest of a secret
    [
      'sqlserver://h;msiSecret=;heim=1',
      '***',
      /is not known.* If it belongs to msiSecret, put the whole value in braces/,
    ],
    // known, and without effect
    ['Server=h;MultipleActiveResultSets=True', 'MultipleActiveResultSets', /no effect in this adapter/],
    ['Server=h;Failover Partner=x', 'Failover Partner', /no effect in this adapter/],
    ['Server=h;Pooling=false', 'Pooling', /no effect in this adapter/],
    ['sqlserver://h;authentication=ActiveDirectoryMSI;msiEndpoint=x', 'msiEndpoint', /finds the endpoint/],
    ['sqlserver://h;authentication=AzureCli;user=me', 'user', /user has no effect with authentication=AzureCli/],
    ['Server=h;Authentication=Active Directory Default;User ID=me@x.y', 'User ID', /no effect with/],
    // a number that can only be meant in another unit
    ['sqlserver://h;connectTimeout=30', 'connectTimeout', /in ms here: 30 is 0\.03 s\. Write 30000 for 30 s/],
    ['sqlserver://h;connectionTimeout=15', 'connectionTimeout', /in ms here/],
    ['sqlserver://h;login_timeout=5', 'login_timeout', /in ms here/],
    ['sqlserver://h;socketTimeout=60', 'socketTimeout', /in ms here/],
    ['sqlserver://h;poolTimeout=10000', 'poolTimeout', /in s here: 10000 is 167 min\. Write 10 for 10000 ms/],
    ['Server=h;Connection Timeout=30000', 'Connection Timeout', /in s here: 30000 is 500 min/],
    ['Server=h;Command Timeout=30000', 'Command Timeout', /in s here/],
    ['jdbc:sqlserver://h;loginTimeout=15000', 'loginTimeout', /in s here/],
    ['jdbc:sqlserver://h;socketTimeout=30', 'socketTimeout', /in ms here/],
  ])('%s', (text, parameter, message) => {
    expect(readConfig(text).warnings).toEqual([{ parameter, message: expect.stringMatching(message) }])
  })
})
