import { createHash, createPublicKey, generateKeyPair, type KeyObject, randomBytes, sign } from 'node:crypto'
import { isIP } from 'node:net'
import { promisify } from 'node:util'
import * as der from './der.ts'

/** What a certificate is to be. */
export interface CertificateRequest {
  /** DNS names (a wildcard is fine) and IP addresses that the certificate is good for. At least one. */
  hosts: readonly string[]
  /**
   * The kind of key. Each client of today takes ECDSA over P-256, which costs no time; an RSA key of 2048 bits takes a
   * tenth of a second or more to make, and is there for what insists on it, as client assertions of Entra ID do.
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

/** A certificate authority that lives as long as the process: its private key is written nowhere. */
export interface CertificateAuthority {
  /** The authority's own certificate as PEM: what clients must trust (`ca` of `node:tls`, `NODE_EXTRA_CA_CERTS`). */
  readonly certificate: string
  /**
   * Makes a key and a certificate for a server (or a client) with these names.
   *
   * @throws TypeError where `hosts` is empty
   */
  issue(request: CertificateRequest): Promise<KeyAndCertificate>
}

const HOUR = 3_600_000
const YEAR = 365 * 24 * HOUR

/** The longest common name that X.520 allows, in characters. */
const MAX_COMMON_NAME = 64

const generate = promisify(generateKeyPair)

/** Makes a certificate authority with a new key (ECDSA over P-256). */
export async function createCertificateAuthority(options: { name?: string } = {}): Promise<CertificateAuthority> {
  const name = distinguishedName(options.name ?? 'Local test authority')
  const { privateKey } = await generate('ec', { namedCurve: 'P-256' })
  const issuer = { name, privateKey, keyId: keyIdentifier(privateKey) }
  return {
    certificate: certify(issuer, {
      ...defaultValidity(),
      subject: name,
      subjectKey: privateKey,
      extensions: [
        extension('2.5.29.19', der.sequence(der.boolean(true)), 'critical'), // basicConstraints: CA
        extension('2.5.29.15', der.bitString(Buffer.of(0b0000_0110), 1), 'critical'), // keyUsage: keyCertSign, cRLSign
      ],
    }),
    async issue({ hosts, keyType = 'ec', ...validity }) {
      const [commonName] = hosts
      if (commonName === undefined) throw new TypeError('A certificate needs at least one host.')
      const keys =
        keyType === 'rsa'
          ? await generate('rsa', { modulusLength: 2048 })
          : await generate('ec', { namedCurve: 'P-256' })
      const certificate = certify(issuer, {
        ...defaultValidity(),
        ...validity,
        subject: distinguishedName(commonName.slice(0, MAX_COMMON_NAME)),
        subjectKey: keys.privateKey,
        extensions: [
          extension('2.5.29.19', der.sequence(), 'critical'), // basicConstraints: not a CA
          extension('2.5.29.15', keyUsage(keyType), 'critical'),
          extension('2.5.29.37', der.sequence(SERVER_AUTH, CLIENT_AUTH)), // extKeyUsage
          extension('2.5.29.17', der.sequence(...hosts.map(generalName))), // subjectAltName
        ],
      })
      return { key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), certificate }
    },
  }
}

const SERVER_AUTH = der.objectIdentifier('1.3.6.1.5.5.7.3.1')
const CLIENT_AUTH = der.objectIdentifier('1.3.6.1.5.5.7.3.2')
const ECDSA_WITH_SHA256 = der.sequence(der.objectIdentifier('1.2.840.10045.4.3.2'))
const VERSION_3 = der.explicit(0, der.integer(Buffer.of(2)))

interface Issuer {
  name: Buffer
  privateKey: KeyObject
  keyId: Buffer
}

interface Contents {
  subject: Buffer
  subjectKey: KeyObject
  notBefore: Date
  notAfter: Date
  extensions: Buffer[]
}

/** A certificate as PEM (RFC 5280, 4.1), with the key identifiers that strict verifiers ask for. */
function certify(issuer: Issuer, contents: Contents): string {
  const toBeSigned = der.sequence(
    VERSION_3,
    der.integer(serialNumber()),
    ECDSA_WITH_SHA256,
    issuer.name,
    der.sequence(der.time(contents.notBefore), der.time(contents.notAfter)),
    contents.subject,
    publicKeyInfo(contents.subjectKey),
    der.explicit(
      3,
      der.sequence(
        ...contents.extensions,
        extension('2.5.29.14', der.octetString(keyIdentifier(contents.subjectKey))), // subjectKeyIdentifier
        extension('2.5.29.35', der.sequence(der.implicit(0, issuer.keyId))), // authorityKeyIdentifier
      ),
    ),
  )
  const signature = sign('sha256', toBeSigned, issuer.privateKey)
  return toPem(der.sequence(toBeSigned, ECDSA_WITH_SHA256, der.bitString(signature)))
}

function defaultValidity(): { notBefore: Date; notAfter: Date } {
  const now = Date.now()
  return { notBefore: new Date(now - HOUR), notAfter: new Date(now + YEAR) }
}

function distinguishedName(commonName: string): Buffer {
  return der.sequence(der.set(der.sequence(der.objectIdentifier('2.5.4.3'), der.utf8String(commonName))))
}

function extension(oid: string, value: Buffer, critical?: 'critical'): Buffer {
  const flag = critical === undefined ? [] : [der.boolean(true)]
  return der.sequence(der.objectIdentifier(oid), ...flag, der.octetString(value))
}

/** digitalSignature, and for RSA keyEncipherment too: TLS 1.2 may exchange its key with RSA. */
function keyUsage(keyType: 'ec' | 'rsa'): Buffer {
  return keyType === 'rsa' ? der.bitString(Buffer.of(0b1010_0000), 5) : der.bitString(Buffer.of(0b1000_0000), 7)
}

function generalName(host: string): Buffer {
  return isIP(host) === 0 ? der.implicit(2, Buffer.from(host, 'latin1')) : der.implicit(7, addressBytes(host))
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

/** RFC 7093, 2: the leftmost 160 bits of a SHA-256 hash; here of the whole SubjectPublicKeyInfo. */
function keyIdentifier(privateKey: KeyObject): Buffer {
  return createHash('sha256').update(publicKeyInfo(privateKey)).digest().subarray(0, 20)
}

/** 16 random bytes; the first is between 0x40 and 0x7f, so that the number is positive and of that length. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16)
  bytes.writeUInt8((bytes.readUInt8(0) & 0x3f) | 0x40, 0)
  return bytes
}

function toPem(certificate: Buffer): string {
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? []
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}
