import type { ChildProcess } from 'node:child_process'
import type { config as MssqlConfig } from 'mssql'
import type { AuthorityStats, GatewayStats } from '../src/testing/index.ts'
import type { Disturbance } from './disturbance.ts'

/** What the local Azure's process does when it is told to. */
export interface Orders {
  /** Lets something go wrong; gives a number to end it by. */
  begin(disturbance: Disturbance): number
  /** Ends what `begin` began; gives how often it befell something. */
  end(handle: number): number
  stats(): { authority: AuthorityStats; gateway: GatewayStats }
}

/** The first message of the local Azure's process. */
export interface Ready {
  /** Where Prisma Client connects to. */
  config: MssqlConfig
  /** What makes `ManagedIdentityCredential` ask the authority. */
  environment: Record<string, string>
}

/** An order, and by which number its answer is known. */
export interface OrderMessage {
  id: number
  name: keyof Orders
  args: unknown[]
}

export interface AnswerMessage {
  id: number
  result: unknown
}

/** Gives orders to the process at the other end of a channel, and hands its answers back. */
export class Commander {
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>()
  #count = 0

  constructor(process: ChildProcess) {
    this.#process = process
    process.on('message', ({ id, result }: AnswerMessage) => {
      this.#waiting.get(id)?.resolve(result)
      this.#waiting.delete(id)
    })
    process.once('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('The local Azure has ended.'))
      this.#waiting.clear()
    })
  }

  /** @throws Error where the process has ended */
  order<K extends keyof Orders>(name: K, ...args: Parameters<Orders[K]>): Promise<ReturnType<Orders[K]>> {
    const id = ++this.#count
    return new Promise<ReturnType<Orders[K]>>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (result: unknown) => void, reject })
      const message: OrderMessage = { id, name, args }
      this.#process.send(message, (error) => {
        if (error === null) return
        this.#waiting.delete(id)
        reject(error)
      })
    })
  }
}

/** Carries out the orders that come from the process that started this one. */
export function obey(orders: Orders): void {
  process.on('message', ({ id, name, args }: OrderMessage) => {
    const carryOut = orders[name] as (...args: unknown[]) => unknown
    const answer: AnswerMessage = { id, result: carryOut(...args) }
    process.send?.(answer)
  })
}
