import type { DataSource } from '@tempered/train'

/** A data set of blank images: 10 a class, `side`×`side`. */
export function createDataset(classes: number, side: number): DataSource['train'] {
  const count = 10 * classes
  return {
    name: 'blank',
    images: new Uint8Array(count * side * side),
    labels: Uint8Array.from({ length: count }, (_, k) => k % classes),
    classes,
    shape: { height: side, width: side, channels: 1 },
    sha256: '0'.repeat(64),
  }
}

export const planData: DataSource = { train: createDataset(10, 28), test: createDataset(10, 28) }
