import { EntraError, reasonOf } from '../errors/entra-error.ts'

/** What `import('@azure/identity')` gives. */
export type Identity = typeof import('@azure/identity')

type IdentityPlugin = Parameters<Identity['useIdentityPlugin']>[0]

/** A package that adds to `@azure/identity` what it cannot do by itself. */
export interface Plugin {
  readonly package: string
  /** The name of what it exports. */
  readonly plugin: string
  /** What else there is, where it is missing. */
  readonly instead: string
}

/**
 * Loads a plugin into `@azure/identity`.
 *
 * @throws EntraError `DEPENDENCY_MISSING`
 */
export async function usePlugin(identity: Identity, { package: name, plugin, instead }: Plugin): Promise<void> {
  try {
    // By a variable: bundlers must not look for a package that is optional.
    const exported: Record<string, IdentityPlugin> = await import(name)
    identity.useIdentityPlugin(exported[plugin] as IdentityPlugin)
  } catch (cause) {
    throw new EntraError(
      'DEPENDENCY_MISSING',
      `${name} could not be loaded (${reasonOf(cause)}). It is needed here: npm install ${name}. ${instead}`,
      { cause },
    )
  }
}
