import type * as Files from 'node:fs/promises'
import { sep } from 'node:path'

type FilesModule = typeof Files
type Handle = Files.FileHandle

/** What happens at an operation on a file. */
export type DiskFault =
  /** The process is killed before it: neither this operation nor any later one ever comes back. */
  | { readonly kind: 'kill' }
  /** The same, but half of what was to be written is. */
  | { readonly kind: 'torn' }
  /** It fails as the system says, once or from then on. A full disk and a read-only one fail only for writers. */
  | { readonly kind: 'error'; readonly code: ErrorCode; readonly lasting: boolean }
type ErrorCode = 'EIO' | 'ENOSPC' | 'EROFS'

const ERRNO: Record<ErrorCode, number> = { EIO: -5, ENOSPC: -28, EROFS: -30 }

/** As Node throws it. */
const systemError = (code: ErrorCode, { name, path }: Operation): Error =>
  Object.assign(new Error(`${code}: ${name} '${path}'`), { code, errno: ERRNO[code], syscall: name, path })

/** The disk below a folder, which fails at an operation. */
export interface FaultyDisk {
  /** Operations so far since `arm`. */
  readonly operations: number
  /** Name and path of the operation that failed first; undefined if none has. */
  readonly struck: string | undefined
  /** From now on operation number `at` (from 1) on has the fault. `onKill`: the process is no more. */
  arm(at: number, fault: DiskFault, onKill?: () => void): void
  /** Nothing fails any more; what a killed process had open is closed. It must have come to rest. */
  repair(): Promise<void>
}

const disks: { readonly folder: string; readonly reach: (operation: Operation) => Promise<unknown> }[] = []

interface Operation {
  readonly name: string
  readonly path: string
  readonly writes: boolean
  perform(): Promise<unknown>
  /** Writes half of it. */
  half?(): Promise<unknown>
}

const ERRORS: Record<ErrorCode, (operation: Operation) => boolean> = {
  EIO: () => true,
  ENOSPC: ({ name }) => ['open', 'writeFile', 'appendFile', 'sync', 'datasync', 'link'].includes(name),
  EROFS: ({ writes }) => writes,
}

/** Only where `node:fs/promises` was replaced by `faultyFiles`. */
export function createFaultyDisk(folder: string): FaultyDisk {
  let operations = 0
  let struck: string | undefined
  let at = Number.POSITIVE_INFINITY
  let fault: DiskFault = { kind: 'kill' }
  let isDead = false
  let onDeath: () => void = () => undefined
  const never = new Promise<never>(() => undefined)
  const die = (): Promise<never> => {
    isDead = true
    onDeath()
    return never
  }
  disks.push({
    folder: folder + sep,
    async reach(operation) {
      if (isDead) return never
      const concerned =
        fault.kind === 'error'
          ? ERRORS[fault.code](operation)
          : fault.kind === 'kill' || operation.half !== undefined
      if (concerned && operation.name !== 'close') operations += 1
      const hits = concerned && operation.name !== 'close' && operations >= at
      if (!hits) {
        const result = await operation.perform()
        // It was killed in the meantime.
        return isDead ? never : result
      }
      const isFirst = struck === undefined
      struck ??= `${operation.name} ${operation.path.slice(folder.length)}`
      if (fault.kind === 'error') {
        if (!isFirst && !fault.lasting) return operation.perform()
        throw systemError(fault.code, operation)
      }
      if (fault.kind === 'torn') await operation.half?.()
      return die()
    },
  })
  return {
    get operations() {
      return operations
    },
    get struck() {
      return struck
    },
    arm(given, what, onKill = () => undefined) {
      operations = 0
      struck = undefined
      isDead = false
      at = given
      fault = what
      onDeath = onKill
    },
    async repair() {
      at = Number.POSITIVE_INFINITY
      isDead = false
      for (const handle of [...(open.get(folder) ?? [])]) await handle.close().catch(() => undefined)
      open.delete(folder)
    },
  }
}

/** Open files of each disk. */
const open = new Map<string, Set<Handle>>()

/** `node:fs/promises` with the faults of the disks that there are. */
export function faultyFiles(real: FilesModule): FilesModule {
  const diskOf = (path: string) => disks.findLast(({ folder }) => `${path}${sep}`.startsWith(folder))
  const guarded = (operation: Operation): Promise<unknown> =>
    diskOf(operation.path)?.reach(operation) ?? operation.perform()
  const half = (data: string | Uint8Array): Buffer => {
    const bytes = Buffer.from(data as Uint8Array)
    return bytes.subarray(0, bytes.byteLength >> 1)
  }

  const wrapHandle = (handle: Handle, path: string): Handle => {
    const of = (
      name: string,
      writes: boolean,
      perform: () => Promise<unknown>,
      partly?: () => Promise<unknown>,
    ) => guarded({ name, path, writes, perform, ...(partly && { half: partly }) })
    return new Proxy(handle, {
      get(target, key) {
        const value = Reflect.get(target, key, target) as unknown
        if (typeof value !== 'function') return value
        const call = value.bind(target) as (...args: unknown[]) => Promise<unknown>
        switch (key) {
          case 'writeFile':
          case 'appendFile':
            return (data: Uint8Array, ...rest: unknown[]) =>
              of(
                key,
                true,
                () => call(data, ...rest),
                () => call(half(data)),
              )
          case 'sync':
          case 'datasync':
          case 'truncate':
          case 'chmod':
            return (...args: unknown[]) => of(key, true, () => call(...args))
          case 'read':
          case 'stat':
          case 'close':
            return (...args: unknown[]) =>
              of(key, false, async () => {
                const result = await call(...args)
                if (key === 'close') for (const set of open.values()) set.delete(handle)
                return result
              })
          default:
            return call
        }
      },
    })
  }
  const plain =
    (name: 'rename' | 'unlink' | 'link' | 'readFile' | 'readdir' | 'stat' | 'mkdir', writes: boolean) =>
    (path: string, ...rest: unknown[]) =>
      guarded({
        ...{ name, path: String(path), writes },
        perform: () => (real[name] as (...args: unknown[]) => Promise<unknown>)(path, ...rest),
      })
  return {
    ...real,
    open: (async (path: string, flags: string = 'r', ...rest: unknown[]) => {
      const writes = flags !== 'r'
      const disk = diskOf(String(path))
      if (disk === undefined) return real.open(path, flags, ...(rest as [number]))
      const folder = disk.folder.slice(0, -1)
      return guarded({
        ...{ name: writes ? 'open' : 'open to read', path: String(path), writes },
        async perform() {
          const handle = await real.open(path, flags, ...(rest as [number]))
          open.set(folder, (open.get(folder) ?? new Set()).add(handle))
          return wrapHandle(handle, String(path))
        },
      })
    }) as unknown as FilesModule['open'],
    writeFile: (async (path: string, data: Uint8Array, ...rest: unknown[]) =>
      guarded({
        ...{ name: 'writeFile', path: String(path), writes: true },
        perform: () => real.writeFile(path, data, ...(rest as [])),
        half: () => real.writeFile(path, half(data)),
      })) as FilesModule['writeFile'],
    rename: plain('rename', true) as FilesModule['rename'],
    unlink: plain('unlink', true) as FilesModule['unlink'],
    link: plain('link', true) as FilesModule['link'],
    mkdir: plain('mkdir', true) as unknown as FilesModule['mkdir'],
    readFile: plain('readFile', false) as unknown as FilesModule['readFile'],
    readdir: plain('readdir', false) as unknown as FilesModule['readdir'],
    stat: plain('stat', false) as unknown as FilesModule['stat'],
  }
}
