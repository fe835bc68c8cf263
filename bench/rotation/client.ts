// A client in a process of its own: begins queries at a steady rate, and says how long each took.
import { PrismaMssqlEntra } from 'prisma-adapter-mssql-entra'
import { serveParent } from '../child.ts'

export interface Load {
  /** In queries a second. */
  rate: number
  /** In ms. */
  duration: number
}

export interface Outcome {
  /** From the time at which a query was to begin, in ms. */
  latencies: number[]
  failures: string[]
  /** Since the process began. */
  rotations: number
}

const { port, ca } = JSON.parse(process.argv[2] ?? '')
const factory = new PrismaMssqlEntra({
  server: 'localhost',
  port,
  database: 'app',
  options: { encrypt: true, cryptoCredentialsDetails: { ca } },
})
const adapter = await factory.connect()
const QUERY = {
  sql: 'SELECT [id], [email], [name], [active], [createdAt] FROM [dbo].[User] WHERE [email] = @P1',
  args: ['ann@example.test'],
  argTypes: [{ scalarType: 'string', arity: 'scalar' } as const],
}

/** A query that has to wait for this process counts from when it was due: what it waited is what a request would. */
async function run({ rate, duration }: Load): Promise<Outcome> {
  const latencies: number[] = []
  const failures: string[] = []
  const work: Promise<void>[] = []
  const query = async (due: number) => {
    try {
      await adapter.queryRaw(QUERY)
      latencies.push(performance.now() - due)
    } catch (error) {
      failures.push(String(error))
    }
  }
  const begun = performance.now()
  let due = begun
  while (due < begun + duration) {
    while (due <= performance.now()) {
      work.push(query(due))
      due += 1000 / rate
    }
    await new Promise((resolve) => setTimeout(resolve, due - performance.now()))
  }
  await Promise.all(work)
  return { latencies, failures, rotations: factory.stats().rotations }
}

// The first connections, and machine code.
await run({ rate: 500, duration: 2_000 })
process.once('disconnect', () => process.exit())
serveParent('ready', run)
