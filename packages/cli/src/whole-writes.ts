import { fstatSync, writeSync } from 'node:fs'

/**
 * Makes writes to a stdout or stderr that is a file complete or an error: Node takes a write of which the disk had room for
 * only a part for a whole one.
 */
export function writeWhole(): void {
  for (const [stream, fd] of [
    [process.stdout, 1],
    [process.stderr, 2],
  ] as const) {
    if (!isFile(fd)) continue
    stream._write = (chunk, encoding, callback) => {
      try {
        const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : (chunk as Buffer)
        // What is left is written again; with no room for it that is an error.
        for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done)
        callback()
      } catch (error) {
        callback(error as Error)
      }
    }
  }
}

function isFile(fd: number): boolean {
  try {
    // As big integers: after `fstat` of a pipe in plain numbers Node 20 no longer resolves links when it loads modules.
    return fstatSync(fd, { bigint: true }).isFile()
  } catch {
    // It is closed.
    return false
  }
}
