/** Counts the bytes of buffers that code asks for, by standing in for the constructors while it runs. */

const NAMES = [
  'ArrayBuffer',
  'Uint8Array',
  'Uint16Array',
  'Uint32Array',
  'Int32Array',
  'BigUint64Array',
  'Float32Array',
  'Float64Array',
] as const

let asked = 0
type Constructor = new (...given: never[]) => { readonly byteLength: number }
const originals = NAMES.map((name) => globalThis[name] as unknown as Constructor)
const counting = originals.map(
  (original) =>
    new Proxy(original, {
      construct(target, given: unknown[], newTarget) {
        const [first] = given
        if (typeof first === 'number')
          asked += first * ((target as unknown as { BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1)
        else if (Array.isArray(first) || ArrayBuffer.isView(first))
          asked += (first as { length?: number }).length ?? 0
        return Reflect.construct(target, given, newTarget === undefined ? target : newTarget)
      },
    }),
)
const alloc = { alloc: Buffer.alloc, allocUnsafe: Buffer.allocUnsafe, concat: Buffer.concat }

/** Begins to count from zero. */
export function startCounting(): void {
  asked = 0
  for (const [k, name] of NAMES.entries()) (globalThis as Record<string, unknown>)[name] = counting[k]
  Buffer.alloc = ((size: number, ...rest: never[]) => {
    asked += size
    return alloc.alloc(size, ...rest)
  }) as typeof Buffer.alloc
  Buffer.allocUnsafe = (size: number) => {
    asked += size
    return alloc.allocUnsafe(size)
  }
}

/** Ends it; bytes asked for since it began. */
export function stopCounting(): number {
  for (const [k, name] of NAMES.entries()) (globalThis as Record<string, unknown>)[name] = originals[k]
  Buffer.alloc = alloc.alloc
  Buffer.allocUnsafe = alloc.allocUnsafe
  return asked
}
