import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

/** A process of a benchmark's own. It says when it is ready, answers one order at a time, and ends with its parent. */
export class Child<Order extends object, Answer, Ready> {
  readonly #process: ChildProcess
  readonly ready: Ready

  private constructor(process: ChildProcess, ready: Ready) {
    this.#process = process
    this.ready = ready
  }

  static async start<Order extends object, Answer, Ready>(
    path: string | URL,
    args: readonly string[] = [],
    environment: Record<string, string> = {},
  ): Promise<Child<Order, Answer, Ready>> {
    // What is JavaScript runs without what runs TypeScript here.
    const execArgv = String(path).endsWith('.mjs') ? [] : process.execArgv
    const child = fork(path, args, { env: { ...process.env, ...environment }, execArgv })
    return new Child<Order, Answer, Ready>(child, (await messageOf(child)) as Ready)
  }

  async ask(order: Order): Promise<Answer> {
    const answer = messageOf(this.#process)
    this.#process.send(order)
    return (await answer) as Answer
  }

  async close(): Promise<void> {
    if (!this.#process.connected) return
    const exit = once(this.#process, 'exit')
    this.#process.disconnect()
    await exit
  }
}

/** The child's half: says that it is ready, and answers orders until its parent has gone. */
export function serveParent<Order>(ready: unknown, carryOut: (order: Order) => Promise<unknown>): void {
  process.on('message', async (order: Order) => process.send?.((await carryOut(order)) ?? null))
  process.send?.(ready)
}

async function messageOf(child: ChildProcess): Promise<unknown> {
  const over = new AbortController()
  const onExit = () => over.abort(new Error(`${child.spawnargs.join(' ')} has ended.`))
  child.once('exit', onExit)
  try {
    const [message] = await once(child, 'message', { signal: over.signal })
    return message
  } finally {
    child.off('exit', onExit)
  }
}
