/** The heap at two times of a run, in bytes. */
export interface HeapGrowth {
  /** Median of the first quarter, after the warm-up. */
  first: number
  /** Median of the last quarter. */
  last: number
  /** How much more than `first` the last may be. */
  tolerance: number
}

/** In a shorter run code is still being compiled and caches are being filled, in ms. */
export const SHORTEST_FOR_HEAP = 3 * 60_000
/** Part of a run that is not looked at, for the same reason. */
const WARM_UP = 1 / 6
const SAMPLES_IN_QUARTER = 64

/**
 * What a healthy run may still grow by: 2 % and 512 KiB for what V8 compiles and caches late, and 2 KiB for each token
 * request, since `ManagedIdentityCredential` keeps an `AbortController` of each for good (measured: 1.6 KB).
 */
export function heapTolerance(first: number, tokenRequests: number): number {
  return 0.02 * first + 512 * 1024 + tokenRequests * 2 * 1024
}

/** Samples of the heap over a run of known length. Keeps those of two quarters, in memory that is taken beforehand. */
export class HeapTrend {
  readonly #first = new Float64Array(SAMPLES_IN_QUARTER)
  readonly #last = new Float64Array(SAMPLES_IN_QUARTER)
  readonly #length: number
  #firstCount = 0
  #lastCount = 0

  /** @param length - of the run, in ms */
  constructor(length: number) {
    this.#length = length
  }

  /** How often to take a sample, in ms. */
  get interval(): number {
    return Math.max((this.#length * (1 - WARM_UP)) / 4 / (SAMPLES_IN_QUARTER - 1), 2_000)
  }

  /** @param elapsed - since the run began, in ms */
  add(elapsed: number, bytes: number): void {
    const share = (elapsed / this.#length - WARM_UP) / (1 - WARM_UP)
    if (share >= 0 && share < 0.25 && this.#firstCount < SAMPLES_IN_QUARTER) this.#first[this.#firstCount++] = bytes
    if (share >= 0.75 && this.#lastCount < SAMPLES_IN_QUARTER) this.#last[this.#lastCount++] = bytes
  }

  /** Undefined where the run was too short, or ended early. */
  growth(tokenRequests: number): HeapGrowth | undefined {
    if (this.#length < SHORTEST_FOR_HEAP || this.#firstCount === 0 || this.#lastCount === 0) return undefined
    const first = median(this.#first.subarray(0, this.#firstCount))
    const last = median(this.#last.subarray(0, this.#lastCount))
    return { first, last, tolerance: heapTolerance(first, tokenRequests) }
  }
}

function median(values: Float64Array): number {
  const sorted = values.toSorted()
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}
