import { diagnose } from '../../src/doctor/diagnose.ts'
import type { StepResult } from '../../src/doctor/steps.ts'
import type { Subject, Wire } from './subject.ts'
import type { Verification } from './verification.ts'

/** Signs in in every way; the wires that work. */
export async function verifyWaysIn(verification: Verification, subject: Subject): Promise<Wire[]> {
  const working: Wire[] = []
  if (await verifyWire(verification, subject, 'TDS 7')) working.push('TDS 7')
  const strict = await verification.step('TLS before TDS', async () => {
    const value = await subject.takesTlsFirst()
    return { note: value ? 'the server takes it' : 'the server takes none: strict is skipped', value }
  })
  if (strict) {
    if (await verifyWire(verification, subject, 'strict')) working.push('strict')
  } else {
    for (const way of ['adapter', 'proxy', 'doctor']) verification.skip(`${way}, strict`, 'the server takes no TDS 8')
  }
  return working
}

/** Whether adapter and proxy got in. */
async function verifyWire(verification: Verification, subject: Subject, wire: Wire): Promise<boolean> {
  const adapter = await verification.step(`adapter, ${wire}`, async (signal) => {
    await subject.withPrisma(wire, signal, async (prisma) => {
      const rows = await prisma.$queryRawUnsafe<{ one: number }[]>('SELECT 1 AS [one]')
      if (rows[0]?.one !== 1) throw new Error('SELECT 1 did not give 1.')
    })
    return { note: 'Prisma Client had its first row', value: true }
  })
  const proxy = await verification.step(`proxy, ${wire}`, async (signal) => {
    await subject.withProxy(wire, signal, async (open) => {
      const client = await open()
      const [row] = await client.run('SELECT 1 AS [one]')
      if (row?.[0] !== 1) throw new Error('SELECT 1 did not give 1.')
    })
    return { note: 'a client with user and password had its first row', value: true }
  })
  await verification.step(`doctor, ${wire}`, async (signal) => {
    const { tokenSource } = subject.setup
    const steps = await diagnose(subject.config(wire), { tokenSource, signal })
    return saidByDoctor(steps)
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
  return warnings.length === 0 ? `all of ${steps.length} steps are well` : warnings.join('; ')
}
