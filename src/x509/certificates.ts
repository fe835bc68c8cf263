/*
 * X.509 certificates (RFC 5280) with node:crypto and the little DER (ITU-T X.690) that they need. No library fits what
 * the proxy loads at run time: @peculiar/x509 brings 20 packages and 5 MB, selfsigned 23 packages and 9 MB; node-forge
 * cannot sign with ECDSA; jsrsasign is out of support.
 */
import { createHash, createPublicKey, generateKeyPair, type KeyObject, randomBytes, sign } from 'node:crypto'
import { isIP } from 'node:net'
import { promisify } from 'node:util'

/** The certificate to issue. */
export interface CertificateRequest {
  /** DNS names (wildcards too) and IP addresses that the certificate is good for. At least one. */
  hosts: readonly string[]
  /**
   * The kind of key: ECDSA over P-256, or RSA with 2048 bits. An RSA key takes a tenth of a second or more to generate;
   * client assertions of Entra ID need one.
   *
   * @defaultValue 'ec'
   */
  keyType?: 'ec' | 'rsa'
  /** @defaultValue an hour ago */
  notBefore?: Date
  /** @defaultValue a year from now */
  notAfter?: Date
}

/** A private key (PKCS #8) with its certificate, both as PEM: what `tls.createServer` takes as `key` and `cert`. */
export interface KeyAndCertificate {
  key: string
  certificate: string
}

/** A certificate authority that lives as long as the process. Its private key is never written anywhere. */
export interface CertificateAuthority {
  /** The authority's own certificate as PEM: what clients must trust (`ca` of `node:tls`, `NODE_EXTRA_CA_CERTS`). */
  readonly certificate: string
  /**
   * Generates a key and a certificate for a server (or a client) with these names.
   *
   * @throws TypeError if `hosts` is empty
   */
  issue(request: CertificateRequest): Promise<KeyAndCertificate>
}

const HOUR = 3_600_000
const YEAR = 365 * 24 * HOUR

/** The longest common name that X.520 allows, in characters. */
const MAX_COMMON_NAME = 64

const generate = promisify(generateKeyPair)

/** Creates a certificate authority with a new key (ECDSA over P-256). */
export async function createCertificateAuthority(options: { name?: string } = {}): Promise<CertificateAuthority> {
  const issuer = distinguishedName(options.name ?? 'Local test authority')
  const { privateKey } = await generate('ec', { namedCurve: 'P-256' })
  const certify = (subject: Buffer, key: KeyObject, validity: Validity, extensions: Buffer[]) => {
    const { notBefore = new Date(Date.now() - HOUR), notAfter = new Date(Date.now() + YEAR) } = validity
    const contents = sequence(
      VERSION_3,
      serialNumber(),
      ECDSA_WITH_SHA256,
      issuer,
      sequence(time(notBefore), time(notAfter)),
      subject,
      publicKeyInfo(key),
      der(0xa3, sequence(...extensions, ...keyIdentifiers(key, privateKey))),
    )
    return toPem(sequence(contents, ECDSA_WITH_SHA256, bitString(sign('sha256', contents, privateKey))))
  }
  return {
    certificate: certify(issuer, privateKey, {}, [
      extension('2.5.29.19', sequence(TRUE), 'critical'), // basicConstraints: CA
      extension('2.5.29.15', bitString(Buffer.of(0b0000_0110), 1), 'critical'), // keyUsage: keyCertSign, cRLSign
    ]),
    async issue({ hosts, keyType = 'ec', ...validity }) {
      const [commonName] = hosts
      if (commonName === undefined) throw new TypeError('A certificate needs at least one host.')
      const { privateKey: key } =
        keyType === 'rsa'
          ? await generate('rsa', { modulusLength: 2048 })
          : await generate('ec', { namedCurve: 'P-256' })
      const subject = distinguishedName(commonName.slice(0, MAX_COMMON_NAME))
      const certificate = certify(subject, key, validity, [
        extension('2.5.29.19', sequence(), 'critical'), // basicConstraints: not a CA
        extension('2.5.29.15', keyUsage(keyType), 'critical'),
        extension('2.5.29.37', sequence(SERVER_AUTH, CLIENT_AUTH)), // extKeyUsage
        extension('2.5.29.17', sequence(...hosts.map(generalName))), // subjectAltName
      ])
      return { key: key.export({ type: 'pkcs8', format: 'pem' }).toString(), certificate }
    },
  }
}

type Validity = Pick<CertificateRequest, 'notBefore' | 'notAfter'>

/** One DER value: tag, length, content. */
function der(tag: number, ...content: Uint8Array[]): Buffer {
  const bytes = Buffer.concat(content)
  const length: number[] = []
  for (let rest = bytes.length; rest > 0; rest >>>= 8) length.unshift(rest & 0xff)
  const header = bytes.length < 0x80 ? [tag, bytes.length] : [tag, 0x80 | length.length, ...length]
  return Buffer.concat([Buffer.from(header), bytes])
}

function sequence(...items: Uint8Array[]): Buffer {
  return der(0x30, ...items)
}

/** @param unusedBits - how many of the last byte's low bits do not count */
function bitString(content: Uint8Array, unusedBits = 0): Buffer {
  return der(0x03, Buffer.of(unusedBits), content)
}

/** @param dotted - for example `2.5.29.17` */
function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc & 0x7f]
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift(0x80 | (left & 0x7f))
    return groups
  })
  return der(0x06, Buffer.from(bytes))
}

/** UTCTime to the end of 2049, GeneralizedTime after it (RFC 5280, 4.1.2.5). Whole seconds. */
function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/\.\d+/, '').replace(/[-:T]/g, '')
  return date.getUTCFullYear() < 2050
    ? der(0x17, Buffer.from(digits.slice(2), 'latin1'))
    : der(0x18, Buffer.from(digits, 'latin1'))
}

const TRUE = der(0x01, Buffer.of(0xff))
const VERSION_3 = der(0xa0, der(0x02, Buffer.of(2)))
const SERVER_AUTH = objectIdentifier('1.3.6.1.5.5.7.3.1')
const CLIENT_AUTH = objectIdentifier('1.3.6.1.5.5.7.3.2')
const ECDSA_WITH_SHA256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'))

function distinguishedName(commonName: string): Buffer {
  return sequence(der(0x31, sequence(objectIdentifier('2.5.4.3'), der(0x0c, Buffer.from(commonName, 'utf8')))))
}

function extension(oid: string, value: Buffer, critical?: 'critical'): Buffer {
  return sequence(objectIdentifier(oid), ...(critical ? [TRUE] : []), der(0x04, value))
}

/** subjectKeyIdentifier and authorityKeyIdentifier, which strict verifiers ask for. */
function keyIdentifiers(subject: KeyObject, issuer: KeyObject): Buffer[] {
  return [
    extension('2.5.29.14', der(0x04, keyIdentifier(subject))),
    extension('2.5.29.35', sequence(der(0x80, keyIdentifier(issuer)))),
  ]
}

/** RFC 7093, 2: the leftmost 160 bits of a SHA-256 hash; here of the whole SubjectPublicKeyInfo. */
function keyIdentifier(privateKey: KeyObject): Buffer {
  return createHash('sha256').update(publicKeyInfo(privateKey)).digest().subarray(0, 20)
}

/** digitalSignature, and for RSA keyEncipherment too: TLS 1.2 may exchange its key with RSA. */
function keyUsage(keyType: 'ec' | 'rsa'): Buffer {
  return keyType === 'rsa' ? bitString(Buffer.of(0b1010_0000), 5) : bitString(Buffer.of(0b1000_0000), 7)
}

function generalName(host: string): Buffer {
  return isIP(host) === 0 ? der(0x82, Buffer.from(host, 'latin1')) : der(0x87, addressBytes(host))
}

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number))
  const normal = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [head = [], tail = []] = normal.split('::').map((half) => half.split(':').filter((group) => group !== ''))
  const zeros = Array<string>(8 - head.length - tail.length).fill('0')
  return Buffer.from([...head, ...zeros, ...tail].map((group) => group.padStart(4, '0')).join(''), 'hex')
}

function publicKeyInfo(privateKey: KeyObject): Buffer {
  return createPublicKey(privateKey).export({ type: 'spki', format: 'der' })
}

/** 16 random bytes; the first is between 0x40 and 0x7f, so that the number is positive and of that length. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16)
  bytes.writeUInt8((bytes.readUInt8(0) & 0x3f) | 0x40, 0)
  return der(0x02, bytes)
}

function toPem(certificate: Buffer): string {
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? []
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}
