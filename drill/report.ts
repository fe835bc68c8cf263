import type { Contestant } from './client.ts'
import type { Figures } from './figures.ts'
import type { Scenario } from './scenarios.ts'

export interface Result {
  scenario: Pick<Scenario, 'name' | 'what' | 'away'>
  figures: Record<Contestant, Figures>
}

const NAMES: Record<Contestant, string> = { ours: 'this adapter', official: '@prisma/adapter-mssql' }

const seconds = (ms: number | undefined) => (ms === undefined ? 'never' : `${(ms / 1000).toFixed(1)} s`)

/** One row for each scenario and contestant. */
export function tableOf(results: readonly Result[]): string {
  const rows = results.flatMap(({ scenario, figures }) =>
    (Object.keys(NAMES) as Contestant[]).map((contestant) => {
      const { operations, failed, window, firstSuccess, twice, missing, errors } = figures[contestant]
      const said = Object.entries(errors).map(([error, times]) => `${error} (${times})`)
      return [
        scenario.name,
        seconds(scenario.away),
        NAMES[contestant],
        `${failed} of ${operations}`,
        seconds(window),
        seconds(firstSuccess),
        String(twice),
        String(missing),
        said.join(', '),
      ]
    }),
  )
  const head = [
    'scenario',
    'away',
    'adapter',
    'failed',
    'from first to last',
    'all well after',
    'ran twice',
    'lost',
    'errors',
  ]
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

const STYLE = `
text{font:12px system-ui,sans-serif;fill:#57606a}.title{font-size:16px;font-weight:600;fill:#24292f}.paper{fill:#fff}
.away{fill:#d0d7de}.official{fill:#cf222e}.ours{fill:#2f81f7}
@media(prefers-color-scheme:dark){text{fill:#9198a1}.title{fill:#f0f6fc}.paper{fill:#0d1117}.away{fill:#30363d}}`.replaceAll(
  '\n',
  '',
)

const WIDTH = 900
const LEFT = 190
/** For the longest label, beside the longest bar. */
const RIGHT = 240
const ROW = 84

/** How long the server was away, and over how long queries failed. */
export function drawing(results: readonly Result[]): string {
  const height = 70 + results.length * ROW
  const most = Math.max(
    1,
    ...results.flatMap(({ scenario, figures }) => [scenario.away, figures.ours.window, figures.official.window]),
  )
  const width = (ms: number) => Math.max(2, Math.round(((WIDTH - LEFT - RIGHT) * ms) / most))
  const bar = (y: number, style: string, ms: number, label: string) =>
    `<rect class="${style}" x="${LEFT}" y="${y}" width="${width(ms)}" height="14"/><text x="${LEFT + width(ms) + 8}" y="${y + 11}">${label}</text>`
  const title = 'Over how long queries fail when the server goes away'
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${title}">`,
    `<style>${STYLE}</style><rect class="paper" width="${WIDTH}" height="${height}" rx="8"/>`,
    `<text x="20" y="32" class="title">${title}</text>`,
    ...results.flatMap(({ scenario, figures: { ours, official } }, i) => {
      const y = 58 + i * ROW
      return [
        `<text x="20" y="${y + 12}">${scenario.name}</text>`,
        bar(y, 'away', scenario.away, `the server is away: ${seconds(scenario.away)}`),
        bar(
          y + 20,
          'official',
          official.window,
          `official adapter: ${seconds(official.window)}, ${official.failed} failed`,
        ),
        bar(y + 40, 'ours', ours.window, `this adapter: ${seconds(ours.window)}, ${ours.failed} failed`),
      ]
    }),
    '</svg>',
    '',
  ].join('\n')
}
