import type { DataSource } from '@tempered/train'

/** A data set of blank images: 10 a class, `side`×`side`. */
export function createDataset(classes: number, side: number): DataSource['train'] {
  const count = 10 * classes
  return {
    name: 'blank',
    count,
    inputs: new Uint8Array(count * side * side),
    targets: Uint8Array.from({ length: count }, (_, k) => k % classes),
    classes,
    shape: [side, side, 1],
    sha256: '0'.repeat(64),
  }
}

export const planData: DataSource = { train: createDataset(10, 28), test: createDataset(10, 28) }
