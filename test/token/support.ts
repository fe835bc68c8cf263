import type { TokenEvent } from '../../src/events.ts'
import { TokenSource } from '../../src/token/token-source.ts'
import type { TokenSourceOptions } from '../../src/token/token-source-options.ts'
import { FakeCredential } from '../support/fake-credential.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

export const second = 1_000
export const minute = 60 * second
export const hour = 60 * minute

/** A token source on a virtual clock, whose credential gives tokens of an hour, and what it told. */
export function setUp(options: Partial<TokenSourceOptions> = {}) {
  const clock = new VirtualClock()
  const credential = new FakeCredential(clock)
  const events: TokenEvent[] = []
  const source = new TokenSource(credential, {
    scope: 'scope',
    clock,
    random: () => 1,
    timing: { refreshSpread: 0 },
    onEvent: (event) => events.push(event),
    ...options,
  })
  return { clock, credential, events, source, types: () => events.map(({ type }) => type) }
}
