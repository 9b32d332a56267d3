/** Where bytes stop being UTF-8. */

import { isUtf8 } from 'node:buffer'

/** Bytes at the end that begin a character whose other bytes are missing. */
export function openTail(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] as number
    if ((byte & 0xc0) === 0x80) continue
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
    return length > back ? back : 0
  }
  return 0
}

/** Offset of the first byte that is no UTF-8, by halving: a prefix is valid up to it. Undefined when all of them are. */
export function firstInvalidUtf8(bytes: Uint8Array): number | undefined {
  if (isUtf8(bytes)) return undefined
  let good = 0
  let bad = bytes.length
  while (bad - good > 1) {
    const middle = (good + bad) >> 1
    const part = bytes.subarray(0, middle)
    if (isUtf8(part.subarray(0, middle - openTail(part)))) good = middle
    else bad = middle
  }
  return good - openTail(bytes.subarray(0, good))
}

/** What to do about a file in another encoding, for messages. */
export const UTF8_ADVICE = 'save it as UTF-8 (for example: iconv -f latin1 -t utf-8)'
