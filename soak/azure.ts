import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Commander, type Ready } from './orders.ts'

/** The local Azure in another process, so that heap and sockets of this one are those of client and adapter alone. */
export interface AzureProcess extends Ready {
  order: Commander['order']
  /** Aborted when the process ends, whoever ended it. */
  ended: AbortSignal
  close(): Promise<void>
}

/**
 * @param tokenLife - in ms
 * @throws Error where it ends before it is ready
 */
export async function startAzureProcess(tokenLife: number): Promise<AzureProcess> {
  const child = fork(fileURLToPath(new URL('azure-process.ts', import.meta.url)), [String(tokenLife)])
  const ended = new AbortController()
  child.once('exit', () => ended.abort(new Error('The local Azure has ended.')))
  const ready = await firstMessage(child, ended.signal)
  const commander = new Commander(child)
  return {
    ...ready,
    order: (name, ...args) => commander.order(name, ...args),
    ended: ended.signal,
    async close() {
      if (ended.signal.aborted) return
      const exit = once(child, 'exit')
      child.disconnect()
      await exit
    },
  }
}

async function firstMessage(child: ChildProcess, signal: AbortSignal): Promise<Ready> {
  const [message] = await once(child, 'message', { signal })
  return message as Ready
}
