import { diagnose } from '../../src/doctor/diagnose.ts'
import type { StepResult } from '../../src/doctor/steps.ts'
import type { StepRunner } from './steps.ts'
import type { Subject, Wire } from './subject.ts'

/** Signs in every way. @returns the wires that work */
export async function verifyWaysIn(steps: StepRunner, subject: Subject): Promise<Wire[]> {
  const working: Wire[] = []
  if (await verifyWire(steps, subject, 'TDS 7')) working.push('TDS 7')
  const strict = await steps.run('TLS before TDS', async () => {
    const value = await subject.takesTlsFirst()
    return { note: value ? 'the server accepts it' : 'the server does not accept it: strict is skipped', value }
  })
  if (strict) {
    if (await verifyWire(steps, subject, 'strict')) working.push('strict')
  } else {
    for (const way of ['adapter', 'proxy', 'doctor']) steps.skip(`${way}, strict`, 'the server does not speak TDS 8')
  }
  return working
}

/** Whether adapter and proxy got in. */
async function verifyWire(steps: StepRunner, subject: Subject, wire: Wire): Promise<boolean> {
  const adapter = await steps.run(`adapter, ${wire}`, async (signal) => {
    await subject.withPrisma(wire, signal, async (prisma) => {
      const rows = await prisma.$queryRawUnsafe<{ one: number }[]>('SELECT 1 AS [one]')
      if (rows[0]?.one !== 1) throw new Error('SELECT 1 did not give 1.')
    })
    return { note: 'Prisma Client had its first row', value: true }
  })
  const proxy = await steps.run(`proxy, ${wire}`, async (signal) => {
    await subject.withProxy(wire, signal, async (open) => {
      const client = await open()
      const [row] = await client.run('SELECT 1 AS [one]')
      if (row?.[0] !== 1) throw new Error('SELECT 1 did not give 1.')
    })
    return { note: 'a client with user and password had its first row', value: true }
  })
  await steps.run(`doctor, ${wire}`, async (signal) => {
    const { tokenSource } = subject.setup
    return saidByDoctor(await diagnose(subject.config(wire), { tokenSource, signal }))
  })
  return adapter === true && proxy === true
}

function saidByDoctor(steps: readonly StepResult[]): string {
  const failed = steps.filter(({ status }) => status === 'failed')
  if (failed.length > 0) {
    const [first] = failed
    const error = new Error(`${first?.id}: ${first?.error?.message ?? first?.summary}`)
    throw Object.assign(error, { code: (first?.error as { code?: string } | undefined)?.code })
  }
  const warnings = steps.filter(({ status }) => status === 'warning').map(({ id, summary }) => `${id}: ${summary}`)
  return warnings.length === 0 ? `all ${steps.length} steps passed` : warnings.join('; ')
}
