import type { AdapterEvent } from '../../../src/index.ts'
import { until } from './time.ts'

/** The events of an adapter, in order. */
export class Events {
  readonly all: AdapterEvent[] = []
  readonly listen: (event: AdapterEvent) => void

  /** @param onEvent - also called with each event */
  constructor(onEvent?: (event: AdapterEvent) => void) {
    this.listen = (event) => {
      this.all.push(event)
      onEvent?.(event)
    }
  }

  of<T extends AdapterEvent['type']>(type: T): Extract<AdapterEvent, { type: T }>[] {
    return this.all.filter((event): event is Extract<AdapterEvent, { type: T }> => event.type === type)
  }

  /** Resolves with the `number`th event of a type. */
  async nth<T extends AdapterEvent['type']>(number: number, type: T): Promise<Extract<AdapterEvent, { type: T }>> {
    return until(() => {
      const event = this.of(type)[number - 1]
      if (event === undefined) throw new Error(`${type} has come ${this.of(type).length} times, not ${number}.`)
      return event
    })
  }
}
