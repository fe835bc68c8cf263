import { expect, it } from 'vitest'
import { runScript } from '../support/run-script.ts'

// On a busy machine statements take longer than tokens of 10 s live, so only what does not depend on that is checked.
it('a short soak meets faults, keeps its rows right, leaves nothing behind, and ends by itself', async () => {
  const { code, output } = await runScript('--expose-gc', 'soak/main.ts', '--seed', '250', '--minutes', '0.4')
  expect(output).toMatch(/queries and transactions +[1-9]/)
  expect(output).toMatch(/faults +[1-9]/)
  expect(output).toMatch(/rows +add up/)
  expect(output).not.toMatch(/left after|never ended|nobody handled/)
  expect(code, output).toBe(output.includes('✓') ? 0 : 1)
})

it('a short soak of the proxy meets clients of all kinds, and leaves nothing behind', async () => {
  const { code, output } = await runScript(
    '--expose-gc',
    'soak/main.ts',
    '--proxy',
    '--seed',
    '250',
    '--minutes',
    '0.4',
  )
  expect(output).toMatch(/clients: is reset while it waits +[1-9]/)
  expect(output).toMatch(/logins +[1-9]/)
  expect(output).not.toMatch(/left after|never ended|nobody handled/)
  expect(code, output).toBe(output.includes('✓') ? 0 : 1)
})

it('a soak without --expose-gc says what it needs', async () => {
  const { code, output } = await runScript('soak/main.ts', '--minutes', '0.2')
  expect(output).toMatch(/--expose-gc/)
  expect(code).not.toBe(0)
})

it('a soak of zero minutes is refused', async () => {
  const { code, output } = await runScript('soak/main.ts', '--minutes', '0')
  expect(output).toMatch(/^--minutes must be a number above 0, not "0"/)
  expect(code).toBe(2)
})
