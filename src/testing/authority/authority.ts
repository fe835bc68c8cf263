import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { systemClock } from '../../time/clock.ts'
import { createCertificateAuthority } from '../../x509/certificates.ts'
import { FaultList, type InjectedFault } from '../fault-list.ts'
import type { TokenVerification } from '../gateway/token-check.ts'
import { type EnvironmentKind, environmentFor, TemporaryFolder } from './environment.ts'
import type { Fault } from './faults.ts'
import { type LocalServer, listen } from './http.ts'
import type { AuthorityClientOptions, AuthorityOptions, FederatedTokenOptions, IssueTokenOptions } from './options.ts'
import {
  AZURE_SQL_AUDIENCES,
  DEFAULT_AUDIENCE,
  defaultPrincipals,
  federatedClaims,
  issuerOf,
  type Principal,
  type PrincipalKind,
} from './principals.ts'
import {
  APP_SERVICE_PATH,
  type AuthorityState,
  AZURE_PIPELINES_PATH,
  entraRoute,
  handleRequest,
  machineRoute,
} from './request-handler.ts'
import { type AuthorityStats, Statistics } from './statistics.ts'
import { createSigner, type IssuedToken, TokenIssuer } from './token-issuer.ts'

const HOUR = 3_600_000
const YEAR = 365 * 24 * HOUR

/**
 * A stand-in for Microsoft Entra ID and for the managed identity endpoints, on 127.0.0.1. Real credentials of
 * `@azure/identity` sign in to it, and its tokens have the form that Azure SQL expects. For tests and experiments.
 */
export class Authority {
  /** The certificate authority of the HTTPS server as PEM. */
  readonly certificate: string
  /** What `X-IDENTITY-HEADER` must be at the App Service endpoint. */
  readonly identityHeader: string
  /** Who can sign in. */
  readonly principals: readonly Principal[]
  readonly #state: AuthorityState
  readonly #http: LocalServer
  readonly #https: LocalServer
  readonly #folder = new TemporaryFolder()
  readonly #federatedTokens: ReadonlyMap<Principal, string>

  /** Use {@link startAuthority}. */
  constructor(
    state: AuthorityState,
    servers: { http: LocalServer; https: LocalServer; certificate: string },
    federatedTokens: ReadonlyMap<Principal, string>,
  ) {
    this.#state = state
    this.#http = servers.http
    this.#https = servers.https
    this.#federatedTokens = federatedTokens
    this.certificate = servers.certificate
    this.identityHeader = state.identityHeader
    this.principals = state.principals
  }

  /** The `authorityHost` of credentials: `https://127.0.0.1:port`. */
  get authorityHost(): string {
    return this.#https.origin
  }

  /** The identity endpoint of App Service (`IDENTITY_ENDPOINT`). */
  get identityEndpoint(): string {
    return `${this.#http.origin}${APP_SERVICE_PATH}`
  }

  /** The host of the Instance Metadata Service (`AZURE_POD_IDENTITY_AUTHORITY_HOST`). */
  get imdsHost(): string {
    return this.#http.origin
  }

  /** How long tokens that are issued from now on live, in ms. */
  get tokenLifetime(): number {
    return this.#state.issuer.lifetime
  }

  set tokenLifetime(milliseconds: number) {
    this.#state.issuer.lifetime = milliseconds
  }

  /** Each token ever signed, oldest first: what no output may contain. */
  get issuedTokens(): readonly string[] {
    return this.#state.issuer.issued
  }

  /** What a gateway, or your own server, needs to verify the tokens. */
  get verification(): TokenVerification {
    const tenants = new Set(this.principals.map(({ tenantId }) => tenantId))
    return {
      issuer: [...tenants].map(issuerOf),
      audience: [...AZURE_SQL_AUDIENCES],
      jwks: this.#state.signer.jwks,
    }
  }

  /**
   * The principal with this name.
   *
   * @throws RangeError if there is none
   */
  principal(name: string): Principal {
    const found = this.principals.find((principal) => principal.name === name)
    if (found !== undefined) return found
    const names = this.principals.map((principal) => principal.name).join(', ')
    throw new RangeError(`There is no principal "${name}". There are: ${names}.`)
  }

  /** Issues a token without any request. Returns what a `TokenCredential` returns. */
  issueToken(options: IssueTokenOptions = {}): Promise<IssuedToken> {
    const { principal, audience = DEFAULT_AUDIENCE, ...rest } = options
    const named = principal === undefined ? this.#first(() => true) : this.principal(principal)
    return this.#state.issuer.issue({ ...rest, principal: named, audience })
  }

  /**
   * The options that make `ClientSecretCredential`, `ClientCertificateCredential` and `WorkloadIdentityCredential` use
   * the authority and trust its certificate. Spread them into the constructor's last argument; add `retryOptions` to keep
   * `@azure/identity` from retrying for seconds:
   *
   * ```ts
   * new ClientSecretCredential(tenantId, clientId, secret, {
   *   ...authority.clientOptions(),
   *   retryOptions: { maxRetries: 0 },
   * })
   * ```
   */
  clientOptions(): AuthorityClientOptions {
    return {
      authorityHost: this.authorityHost,
      disableInstanceDiscovery: true,
      tlsOptions: { ca: this.certificate },
    }
  }

  /**
   * The environment variables that make the credentials of `@azure/identity` use the authority. You set them, and restore
   * the old values. For all but the managed identities they name files in a temporary folder that `close()` removes. Node
   * reads `NODE_EXTRA_CA_CERTS` only when a process starts: inside this process pass {@link Authority.clientOptions} as
   * well; in a child process pass `disableInstanceDiscovery`.
   *
   * @param principal - name of whom to sign in. Default: the system-assigned identity, or the first application
   */
  environment(kind: EnvironmentKind, principal?: string): Record<string, string> {
    const onMachine = kind === 'app-service' || kind === 'imds'
    const chosen =
      principal === undefined
        ? this.#first((candidate) => candidate.kind === (onMachine ? 'system-assigned' : 'application'))
        : this.principal(principal)
    return environmentFor(kind, chosen, {
      authorityHost: this.authorityHost,
      identityEndpoint: this.identityEndpoint,
      identityHeader: this.identityHeader,
      imdsHost: this.imdsHost,
      oidcRequestUri: `${this.authorityHost}${AZURE_PIPELINES_PATH}`,
      systemAccessToken: this.#state.systemAccessToken,
      caFile: () => this.#folder.write('authority.pem', this.certificate),
      federatedTokenFile: () => this.#folder.write('federated-token', this.#federatedTokens.get(chosen) ?? ''),
    })
  }

  /** Writes a federated token as Kubernetes projects one into a pod, for `WorkloadIdentityCredential`. */
  async writeFederatedToken(path: string, options: FederatedTokenOptions = {}): Promise<void> {
    const { lifetime = HOUR, claims } = options
    const principal =
      options.principal === undefined
        ? this.#first(({ kind }) => kind === 'application')
        : this.principal(options.principal)
    const { signer, clock } = this.#state
    const token = await signer.sign({ ...federatedClaims(principal, clock.now(), lifetime), ...claims })
    await writeFile(path, token, { mode: 0o600 })
  }

  /**
   * Makes requests fail, or their tokens unusable, in one way at a time:
   *
   * ```ts
   * authority.inject({ status: 429, retryAfter: 2, times: 3 })
   * authority.inject({ hang: true, endpoint: 'imds' })
   * authority.inject({ disconnect: true, times: 1 })
   * authority.inject({ delay: 500 })                  // and then the right answer
   * authority.inject({ wrongAudience: true })
   * authority.inject({ lifetime: 1_000 })
   * authority.inject({ sameToken: true, times: 2 })
   * ```
   *
   * If several fit a request, the oldest applies.
   */
  inject(fault: Fault): InjectedFault {
    return this.#state.faults.inject(fault)
  }

  /** Removes all faults. */
  clearFaults(): void {
    this.#state.faults.clear()
  }

  /** The requests and tokens so far. */
  stats(): AuthorityStats {
    return this.#state.statistics.snapshot()
  }

  /** Resets the counts. */
  resetStats(): void {
    this.#state.statistics.reset()
  }

  /** Closes both servers and all connections, hanging requests included, and removes its files. */
  async close(): Promise<void> {
    await Promise.all([this.#http.close(), this.#https.close()])
    this.#folder.remove()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #first(fits: (principal: Principal) => boolean): Principal {
    const found = this.principals.find(fits)
    if (found === undefined) throw new RangeError('The authority has no principal of that kind.')
    return found
  }
}

const FEDERATED: readonly PrincipalKind[] = ['application', 'user-assigned']

/** Starts an {@link Authority}. It holds the process open until it is closed. */
export async function startAuthority(options: AuthorityOptions = {}): Promise<Authority> {
  const { clock = systemClock, principals = defaultPrincipals(), tokenLifetime = HOUR } = options
  const [signer, certificateAuthority] = await Promise.all([
    createSigner(randomUUID()),
    options.certificateAuthority ?? createCertificateAuthority({ name: 'Local Entra ID' }),
  ])
  const state: AuthorityState = {
    clock,
    signer,
    principals,
    issuer: new TokenIssuer(signer, clock, tokenLifetime),
    identityHeader: randomUUID(),
    systemAccessToken: randomUUID(),
    faults: new FaultList<Fault>(),
    statistics: new Statistics(),
    onEvent: options.onEvent,
  }
  const server = await certificateAuthority.issue({ hosts: ['127.0.0.1', 'localhost'] })
  const http = await listen({ port: options.httpPort ?? 0 }, (request, closed) =>
    handleRequest(state, machineRoute(request.path), request, closed),
  )
  const tls = { key: server.key, cert: server.certificate }
  const https = await listen({ port: options.httpsPort ?? 0, tls }, (request, closed) =>
    handleRequest(state, entraRoute(request.path), request, closed),
  ).catch(async (error: unknown) => {
    await http.close()
    throw error
  })
  const federatedTokens = new Map<Principal, string>()
  for (const principal of principals.filter(({ kind }) => FEDERATED.includes(kind))) {
    federatedTokens.set(principal, await signer.sign(federatedClaims(principal, clock.now(), YEAR)))
  }
  return new Authority(state, { http, https, certificate: certificateAuthority.certificate }, federatedTokens)
}
