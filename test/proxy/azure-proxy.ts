import type { config as MssqlConfig } from 'mssql'
import { targetOf } from '../../src/login/target.ts'
import { type LoopbackProxy, startProxy } from '../../src/proxy/proxy.ts'
import type { ProxyOptions } from '../../src/proxy/settings.ts'
import { TokenSource } from '../../src/token/token-source.ts'
import type { LocalAzure } from '../local-azure.ts'

/** A proxy in front of a local Azure. */
export function startAzureProxy(
  azure: Pick<LocalAzure, 'config' | 'credential'>,
  options: Omit<Partial<ProxyOptions>, 'target'> & { config?: Partial<MssqlConfig> } = {},
): Promise<LoopbackProxy> {
  const { config, ...rest } = options
  const tokenSource = new TokenSource(azure.credential(), { scope: 'https://database.windows.net/.default' })
  return startProxy({ tokenSource, ...rest, target: targetOf(azure.config(config)) })
}
