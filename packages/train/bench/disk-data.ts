/** Sources of any size for disk.bench.ts, with a class among 10 per sample; written piece by piece. */

import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'

const PIECE_ROWS = 10_000

/** A number in [0, 1) that only `k` decides. */
function noise(k: number): number {
  return (Math.imul(k ^ (k >>> 15), 2654435761) >>> 8) / 2 ** 24
}

async function writeNpy(
  file: string,
  descr: string,
  shape: readonly number[],
  piece: (rows: number) => Uint8Array,
): Promise<void> {
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.join(', ')},), }`
  const header = `${text.padEnd(117)}\n`
  const start = Buffer.from('\x93NUMPY\x01\x00\x00\x00', 'latin1')
  start.writeUInt16LE(header.length, 8)
  const handle = await open(file, 'w')
  await handle.write(Buffer.concat([start, Buffer.from(header, 'latin1')]))
  for (let rows = shape[0] ?? 0; rows > 0; rows -= PIECE_ROWS)
    await handle.write(piece(Math.min(rows, PIECE_ROWS)))
  await handle.close()
}

/** A folder with x.npy, `rows` × `shape` of float32 or of bytes, and y.npy. */
export async function writeArrays(
  folder: string,
  rows: number,
  shape: readonly number[],
  type: 'float32' | 'uint8',
): Promise<string> {
  await mkdir(folder, { recursive: true })
  const width = shape.reduce((product, size) => product * size, 1)
  const numbers = Array.from({ length: PIECE_ROWS * width }, (_, k) => noise(k))
  const all = type === 'uint8' ? Uint8Array.from(numbers, (value) => 256 * value) : Float32Array.from(numbers)
  const inputs = new Uint8Array(all.buffer)
  const labels = Uint8Array.from({ length: PIECE_ROWS }, (_, k) => 10 * noise(k))
  const rowBytes = inputs.length / PIECE_ROWS
  await writeNpy(join(folder, 'x.npy'), type === 'uint8' ? '|u1' : '<f4', [rows, ...shape], (count) =>
    inputs.subarray(0, count * rowBytes),
  )
  await writeNpy(join(folder, 'y.npy'), '|u1', [rows], (count) => labels.subarray(0, count))
  return folder
}

/** A table with number columns c0, c1, … and the class as `y`. */
export async function writeTable(file: string, rows: number, columns: number): Promise<string> {
  const names = Array.from({ length: columns }, (_, k) => `c${k}`)
  const lines = Array.from({ length: PIECE_ROWS }, (_, row) => {
    const cells = names.map((_name, k) => noise(row * columns + k).toFixed(6))
    return `${cells.join()},${Math.floor(10 * noise(row))}\n`
  })
  const handle = await open(file, 'w')
  await handle.write(`${names.join()},y\n`)
  for (let left = rows; left > 0; left -= PIECE_ROWS)
    await handle.write(lines.slice(0, Math.min(left, PIECE_ROWS)).join(''))
  await handle.close()
  return file
}
