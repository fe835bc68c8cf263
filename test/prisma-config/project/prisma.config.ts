import { defineConfig } from 'prisma/config'
import { entraDatasource } from '../../../src/prisma-config.ts'

/** What the test says: the config of the server, and the options. The credential is the default one. */
const { server, options } = JSON.parse(process.env.ENTRA_DATASOURCE ?? '{}')

export default defineConfig({
  schema: '../../../prisma/schema.prisma',
  migrations: { path: '../../../prisma/migrations' },
  datasource: await entraDatasource(server, options),
})
