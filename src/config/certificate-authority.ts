import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { reasonOf } from '../errors/entra-error.ts'
import type { Given } from './sign-in-rules.ts'

/**
 * Reads the file of `trustServerCertificateCA`, PEM or DER, as the schema engine takes it.
 *
 * @returns PEM
 * @throws EntraError `CONFIG_INVALID`
 */
export function readCertificateAuthority(path: Given): string {
  try {
    const file = readFileSync(path.text)
    const text = file.toString('latin1')
    return text.includes('-----BEGIN CERTIFICATE-----') ? text : new X509Certificate(file).toString()
  } catch (error) {
    throw path.refuse(`${path.name} is not the path of a certificate file, PEM or DER: ${reasonOf(error)}`)
  }
}
