/** The types of each subpath, as every `module` setting of TypeScript must find them. Compiled, not run. */
import { type EntraError, PrismaMssqlEntra, type PrismaMssqlEntraOptions } from 'prisma-adapter-mssql-entra'
import { openTelemetry } from 'prisma-adapter-mssql-entra/opentelemetry'
import { entraDatasource } from 'prisma-adapter-mssql-entra/prisma-config'
import { startAuthority } from 'prisma-adapter-mssql-entra/testing'

const options: PrismaMssqlEntraOptions = {
  telemetry: openTelemetry(),
  credential: async () => ({ token: '', expiresOnTimestamp: 0 }),
}
export const adapter = new PrismaMssqlEntra('', options)
export const datasource: Promise<{ url?: string }> = entraDatasource('')

export async function wrong(error: EntraError): Promise<void> {
  const authority = await startAuthority()
  // @ts-expect-error there is no such method: the types are not `any`
  authority.nothing()
  // @ts-expect-error it is one of many codes
  const code: 'CLOSED' = error.code
  console.log(code)
}
