import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { reasonOf } from '../errors/entra-error.ts'
import type { Value } from './source.ts'

/** Reads a certificate file, PEM or DER, as the schema engine reads that of `trustServerCertificateCA`. Returns PEM. */
export function readCertificate(path: Value): string {
  try {
    const file = readFileSync(path.text)
    const text = file.toString('latin1')
    return text.includes('-----BEGIN CERTIFICATE-----') ? text : new X509Certificate(file).toString()
  } catch (error) {
    throw path.refuse(`${path.name} is not the path of a certificate file, PEM or DER: ${reasonOf(error)}`)
  }
}

/** Reads the file of `ServerCertificate`. TLS in Node can trust the certificate of a server only if it signed itself. */
export function readSelfSigned(path: Value): string {
  const pem = readCertificate(path)
  const certificate = new X509Certificate(pem)
  if (certificate.issuer === certificate.subject) return pem
  throw path.refuse(
    `${path.name} must be a certificate that signed itself. For one that an authority signed, name the file of the ` +
      'authority by trustServerCertificateCA.',
  )
}
