import Module from 'node:module'

/** The part of the language worker's API for `@azure/functions` that these examples need. */
type Callback = (...args: unknown[]) => unknown
type Binding = { type: string; direction: string; name?: string } & Record<string, unknown>
interface Metadata {
  name: string
  bindings: Record<string, Binding>
}
interface HttpData {
  statusCode: string
  headers: Record<string, string>
  body: { bytes?: Uint8Array; string?: string }
}
interface InvocationModel {
  getArguments(): Promise<{ context: unknown; inputs: unknown[] }>
  invokeFunction(context: unknown, inputs: unknown[], handler: Callback): Promise<unknown>
  getResponse(context: unknown, result: unknown): Promise<{ returnValue?: { http?: HttpData } }>
}
interface ProgrammingModel {
  getInvocationModel(context: object): InvocationModel
}
type Load = (request: string, ...rest: unknown[]) => unknown

/**
 * A stand-in for the Functions host and its Node.js worker, which provides `@azure/functions-core` to `require`. It
 * calls registered functions through `@azure/functions`' own conversions of the host's messages.
 */
export class FunctionsHost {
  readonly logs: string[] = []
  readonly #functions = new Map<string, { metadata: Metadata; callback: Callback }>()
  readonly #hooks: { name: string; callback: Callback }[] = []
  #model: ProgrammingModel | undefined
  #invocations = 0

  /** Call this before `@azure/functions` is loaded. */
  install(): void {
    const module = Module as unknown as { _load: Load }
    const load = module._load
    const core = this.#core()
    module._load = (request, ...rest) => (request === '@azure/functions-core' ? core : load(request, ...rest))
  }

  /** The registered functions, by name and trigger. */
  get functions(): [name: string, trigger: Binding | undefined][] {
    return [...this.#functions.values()].map(({ metadata }) => [
      metadata.name,
      Object.values(metadata.bindings).find(({ direction }) => direction === 'in'),
    ])
  }

  /** Delivers an HTTP request. */
  async get(name: string, query: Record<string, string> = {}): Promise<{ status: number; body: unknown }> {
    const registered = this.#functions.get(name)
    if (registered === undefined || this.#model === undefined) throw new Error(`There is no function "${name}".`)
    const { metadata, callback } = registered
    const [binding = ''] = Object.entries(metadata.bindings).find(([, { type }]) => type === 'httpTrigger') ?? []
    const url = `http://localhost:7071/api/${name}?${new URLSearchParams(query)}`
    const http = { method: 'GET', url, headers: {}, query, params: {}, nullableHeaders: {}, nullableQuery: {} }
    const invocation = this.#model.getInvocationModel({
      invocationId: String(++this.#invocations),
      metadata,
      request: { inputData: [{ name: binding, data: { http } }], triggerMetadata: {} },
      log: (_level: string, _category: string, message: string) => this.logs.push(message),
    })
    const { context, inputs } = await invocation.getArguments()
    const result = await invocation.invokeFunction(context, inputs, callback)
    const { returnValue } = await invocation.getResponse(context, result)
    const { statusCode, body } = returnValue?.http ?? { statusCode: '0', body: {} }
    const text = body.string ?? Buffer.from(body.bytes ?? []).toString()
    return { status: Number(statusCode), body: JSON.parse(text) }
  }

  /** Stops the process gracefully. */
  async terminate(): Promise<void> {
    for (const { name, callback } of this.#hooks) if (name === 'appTerminate') await callback({ hookData: {} })
  }

  #core() {
    return {
      version: '3.12.0',
      hostVersion: '4.1040.300',
      workerConfig: {},
      log: () => {},
      setProgrammingModel: (model: ProgrammingModel) => {
        this.#model = model
      },
      registerFunction: (metadata: Metadata, callback: Callback) => {
        this.#functions.set(metadata.name, { metadata, callback })
      },
      registerHook: (name: string, callback: Callback) => {
        this.#hooks.push({ name, callback })
        return { dispose: () => {} }
      },
      Disposable: class {},
    }
  }
}
