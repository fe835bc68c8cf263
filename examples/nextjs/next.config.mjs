/** @type {import('next').NextConfig} */
export default {
  // The driver loads parts of itself by name at run time, so Node must load it.
  serverExternalPackages: [
    'prisma-adapter-mssql-entra',
    '@prisma/adapter-mssql',
    'mssql',
    'tedious',
    '@azure/identity',
  ],
}
