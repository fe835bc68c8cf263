import { defineConfig } from 'prisma/config'
import { entraDatasource } from '../../../src/prisma-config.ts'
import { resolveToLoopback } from './hosts.ts'

/** What the test says: the config of the server, and the options. The credential is the default one. */
const { server, options, host, folder = '../../../prisma' } = JSON.parse(process.env.ENTRA_DATASOURCE ?? '{}')
if (host !== undefined) resolveToLoopback(host)

export default defineConfig({
  schema: `${folder}/schema.prisma`,
  migrations: { path: `${folder}/migrations`, seed: 'tsx seed.ts' },
  datasource: await entraDatasource(server, options),
})
