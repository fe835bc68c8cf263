import { readFileSync } from 'node:fs'
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus'
import { beforeAll, describe, expect, it } from 'vitest'
import { metricsAsText } from '../../src/cli/health.ts'
import { EntraError } from '../../src/errors/entra-error.ts'
import { REFUSAL_REASONS } from '../../src/proxy/admission.ts'
import { emptyStats } from '../../src/proxy/events.ts'
import { Sdk, setUp } from '../opentelemetry/support.ts'
import { MINUTE, query } from '../pool/support.ts'
import { codeBlocks, tableRows } from '../support/markdown.ts'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const page = read('docs/operations.md')
const dashboard = JSON.parse(read('docs/grafana-dashboard.json'))

/** The names in backquotes, of a section or of the whole page. */
const namesIn = (text: string) => new Set([...text.matchAll(/`([^`\s]+)`/g)].map(([, name = '']) => name))
const section = (title: string) => page.split(new RegExp(`^##+ ${title}$`, 'm'))[1]?.split(/^##/m)[0] ?? ''

/** A client that has met everything that is measured, in as little time as it takes. */
async function meetEverything(sdk: Sdk): Promise<void> {
  const { adapter, clock, server } = setUp({ min: 1, max: 1, poolTimeout: 1_000, connectRetryTimeout: 0 }, {}, { sdk })
  await adapter.queryRaw(query('SELECT'))
  const busy = [adapter.queryRaw(query('after 3000')), adapter.queryRaw(query('SELECT')).catch(() => {})]
  await clock.advance(4_000)
  await Promise.all(busy)
  let failures = 1
  server.onLogin = () => {
    if (failures-- > 0) throw new EntraError('CONNECT_FAILED', 'no')
  }
  await clock.advance(59 * MINUTE)
}

/** What Prometheus reads of that: the names of the series, and their labels. */
let series: string[] = []
let labels = new Set<string>()
const sdk = new Sdk()

beforeAll(async () => {
  await meetEverything(sdk)
  const lines = new PrometheusSerializer().serialize(await sdk.collect()).split('\n')
  series = lines.filter((line) => !line.startsWith('#')).map((line) => line.split(/[{ ]/, 1)[0] ?? '')
  labels = new Set(lines.flatMap((line) => [...line.matchAll(/(\w+)="/g)].map(([, name = '']) => name)))
})

/** The names in an expression that are ours: of metrics, as patterns, and of labels. */
const oursIn = (expression: string) =>
  expression.match(/\b(?:db_client|mssql_entra|error)_[a-z_]+(?:\(_seconds\)\?[a-z_]*)?/g) ?? []

function unknownIn(expression: string): string[] {
  return oursIn(expression).filter(
    (name) => !labels.has(name) && !series.some((one) => new RegExp(`^${name}$`).test(one)),
  )
}

describe('docs/grafana-dashboard.json', () => {
  const expressions: [string, string][] = dashboard.panels.flatMap(
    ({ title, targets }: { title: string; targets: { expr: string }[] }) => targets.map(({ expr }) => [title, expr]),
  )

  it.each(expressions)('queries only existing metrics and labels in "%s": %s', (_title, expression) => {
    expect(oursIn(expression)).not.toEqual([])
    expect(unknownIn(expression)).toEqual([])
  })

  it('queries only existing metrics and labels in its variables', () => {
    const queries = dashboard.templating.list.map(({ query }: { query: string }) => query).join(' ')
    expect(oursIn(queries)).toEqual(['db_client_connection_max', 'db_client_connection_pool_name'])
    expect(unknownIn(queries)).toEqual([])
  })

  it('shows names and labels in its legends that the expressions keep', () => {
    for (const { targets } of dashboard.panels) {
      for (const { expr, legendFormat } of targets) {
        for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) expect(expr).toContain(`by (${label})`)
      }
    }
  })
})

describe('the alerts of docs/operations.md', () => {
  const [rules = ''] = codeBlocks(page, 'yaml')
  const names = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name)

  it('query only existing metrics and labels', () => {
    expect(oursIn(rules).length).toBeGreaterThan(10)
    expect(unknownIn(rules)).toEqual([])
  })

  it('name only existing error codes', () => {
    const codes = rules.match(/\b[A-Z]+_[A-Z_]+\b/g) ?? []
    const documented = new Set(
      read('docs/errors.md')
        .match(/^##+ ([A-Z_]+)$/gm)
        ?.map((line) => line.replace(/^#+ /, '')),
    )
    expect(codes.filter((code) => !documented.has(code))).toEqual([])
    expect(codes.length).toBeGreaterThan(4)
  })

  it('each have a row that says why and what to do', () => {
    const rows = tableRows(section('Alerts')).map(([name = '']) => name.replaceAll('`', ''))
    expect(rows.filter((name) => name.startsWith('Mssql'))).toEqual(names)
  })
})

describe('the tables of docs/operations.md', () => {
  it('list every metric and no other, in both places', async () => {
    const measured = (await sdk.collect()).scopeMetrics.flatMap(({ metrics }) =>
      metrics.map(({ descriptor }) => descriptor.name),
    )
    for (const title of ['Which figure is where', 'Metrics']) {
      const cells = tableRows(section(title)).map((cells) => (title === 'Metrics' ? cells[0] : cells[3]))
      const documented = [...namesIn(cells.join(' '))].filter((name) => /^(db\.client|mssql_entra)\./.test(name))
      expect([title, documented.sort()]).toEqual([title, [...measured].sort()])
    }
  })

  it('have the instrument, the unit and the attributes of each metric', async () => {
    const rows = tableRows(section('Metrics')).slice(2)
    for (const { metrics } of (await sdk.collect()).scopeMetrics) {
      for (const { descriptor, dataPoints } of metrics) {
        const [, kind = '', attributes = ''] =
          rows.find(([names = '']) => names.includes(`\`${descriptor.name}\``)) ?? []
        expect([descriptor.name, kind]).toEqual([descriptor.name, expect.stringContaining(`\`${descriptor.unit}\``)])
        const keys = new Set(dataPoints.flatMap((point) => Object.keys(point.attributes)))
        keys.delete('db.client.connection.pool.name')
        for (const key of keys)
          expect([descriptor.name, attributes]).toEqual([descriptor.name, expect.stringContaining(key)])
      }
    }
  })

  it('have each span', () => {
    expect([...namesIn(section('Spans'))].filter((name) => name.startsWith('mssql_entra.')).sort()).toEqual(
      expect.arrayContaining([...new Set(sdk.spans.map(({ name }) => name))].sort()),
    )
  })

  it('have each statistic and each event of docs/options.md', () => {
    const options = read('docs/options.md')
    const inSection = (title: string) => tableRows(options.split(`## ${title}\n`)[1]?.split(/^## /m)[0] ?? '')
    const events = inSection('Events')
      .map(([name = '']) => name)
      .filter((name) => name.includes('.'))
    const all = [...inSection('Statistics').map(([name = '']) => name), ...events].join(' ')
    const here = namesIn(section('Which figure is where'))
    const known = [...namesIn(all)].filter((name) => name !== 'reason')
    expect(known.length).toBeGreaterThan(15)
    expect(known.filter((name) => !here.has(name))).toEqual([])
  })
})

describe('the proxy in docs/operations.md', () => {
  const text = section('The proxy')
  const [, rules = ''] = codeBlocks(page, 'yaml')
  const metrics = metricsAsText(emptyStats())
  const names = [...metrics.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name)

  it('lists every metric of /metrics and no other', () => {
    const documented = [...namesIn(text)].filter((name) => /^prisma_mssql_entra_proxy_/.test(name))
    expect(documented.sort()).toEqual([...names].sort())
  })

  it('names each reason for which clients are refused', () => {
    const documented = /^The values of `reason`:([\s\S]*?)\.$/m.exec(text)?.[1] ?? ''
    expect([...namesIn(documented)].sort()).toEqual(Object.keys(REFUSAL_REASONS).sort())
  })

  it('has alerts only on existing metrics and reasons, each with a row that says why and what to do', () => {
    const asked = rules.match(/prisma_mssql_entra_proxy_\w+/g) ?? []
    expect(asked.filter((name) => !names.includes(name))).toEqual([])
    const reasons = [...rules.matchAll(/reason=~?"([^"]+)"/g)].flatMap(([, list = '']) => list.split('|'))
    expect(reasons.filter((reason) => !(reason in REFUSAL_REASONS))).toEqual([])
    expect([asked.length, reasons.length]).toEqual([5, 3])
    const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name)
    const rows = tableRows(text).map(([name = '']) => name.replaceAll('`', ''))
    expect(rows.filter((name) => name.startsWith('Mssql'))).toEqual(alerts)
  })
})

describe('the code of docs/operations.md', () => {
  const samples = codeBlocks(page, 'ts')

  it('is the same as in the examples', () => {
    for (const name of ['opentelemetry', 'prometheus', 'pino']) {
      expect(samples).toContain(read(`examples/operations/${name}.ts`))
    }
  })
})
