/** @type {import('next').NextConfig} */
export default {
  // The driver loads parts of itself by name at run time: leave it to Node.
  serverExternalPackages: [
    'prisma-adapter-mssql-entra',
    '@prisma/adapter-mssql',
    'mssql',
    'tedious',
    '@azure/identity',
  ],
}
