/** A stored blob that can be read piece by piece, whatever happens to the store in the meantime. */
export interface OpenBlob {
  readonly byteLength: number
  /** Bytes `offset` … `offset + length − 1`, which must exist. They must not be changed. */
  read(offset: number, length: number): Promise<Uint8Array>
  close(): Promise<void>
}

/** Bytes in memory as a blob; they must not change while it is open. */
export function openBytes(bytes: Uint8Array, onClose: () => void = () => undefined): OpenBlob {
  return {
    byteLength: bytes.byteLength,
    read: async (offset, length) => bytes.subarray(offset, offset + length),
    close: async () => onClose(),
  }
}
