import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A folder of IDX files: `perClass` training images of each class, and one test image. */
export async function writeIdxFolder(
  folder: string,
  {
    classes,
    height,
    width,
    perClass = 8,
  }: { classes: number; height: number; width: number; perClass?: number },
): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const [part, count] of [
    ['train', perClass * classes],
    ['t10k', classes],
  ] as const) {
    const images = Buffer.alloc(16 + count * height * width)
    for (const [k, value] of [0x803, count, height, width].entries()) images.writeUInt32BE(value, 4 * k)
    for (let k = 16; k < images.length; k++) images[k] = (k * 37) % 256
    const labels = Buffer.alloc(8 + count)
    for (const [k, value] of [0x801, count].entries()) labels.writeUInt32BE(value, 4 * k)
    for (let k = 0; k < count; k++) labels[8 + k] = k % classes
    await writeFile(join(folder, `${part}-images-idx3-ubyte`), images)
    await writeFile(join(folder, `${part}-labels-idx1-ubyte`), labels)
  }
}
