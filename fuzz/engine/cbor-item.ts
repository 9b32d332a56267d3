/**
 * CBOR as it is written, not as what it means: an item keeps the width of its head, so that a mutation can write what
 * no honest encoder would.
 */
export interface Item {
  /** 0 unsigned, 1 negative, 2 bytes, 3 text, 4 array, 5 map, 6 tag, 7 simple values and floats. */
  major: number
  /** Value, length, tag or bits of the float. For arrays and maps the number of items is written instead. */
  argument: bigint
  /** Bytes of the argument: 0 inside the first byte, 1, 2, 4 or 8; undefined for the shortest. */
  width?: 0 | 1 | 2 | 4 | 8
  /** Of an indefinite length, ended by a break. */
  indefinite?: boolean
  /** Written instead of the true length or number of items. */
  declared?: bigint
  /** Of bytes and text. */
  content?: Uint8Array
  /** Elements; keys and values in turn; what a tag is about. */
  items?: Item[]
  /** The document inside a byte string, where it holds one. */
  document?: Item
  /** `content` is written as it is, without a head. */
  isRaw?: boolean
}

/** The item that fills the bytes; undefined for bytes that are no CBOR. */
export function parseItem(bytes: Uint8Array): Item | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  const next = (depth: number): Item | undefined => {
    if (at >= bytes.byteLength || depth > 64) return undefined
    const first = bytes[at++]!
    const major = first >> 5
    const info = first & 31
    if (info > 27) return undefined
    const width = info < 24 ? 0 : ([1, 2, 4, 8] as const)[info - 24]!
    if (at + width > bytes.byteLength) return undefined
    const argument = width === 0 ? BigInt(info) : readUint(view, at, width)
    at += width
    const item: Item = { major, argument, ...(major === 7 ? { width } : {}) }
    if (major === 2 || major === 3) {
      const end = at + Number(argument)
      if (end > bytes.byteLength) return undefined
      item.content = bytes.slice(at, end)
      at = end
      const isDocument = major === 2 && item.content.byteLength > 80 && item.content[0]! >> 5 === 5
      const inner = isDocument ? parseItem(item.content) : undefined
      if (inner !== undefined) item.document = inner
    }
    if (major >= 4 && major <= 6) {
      const count = major === 6 ? 1 : Number(argument) * (major === 5 ? 2 : 1)
      if (count > bytes.byteLength) return undefined
      item.items = []
      for (let k = 0; k < count; k++) {
        const child = next(depth + 1)
        if (child === undefined) return undefined
        item.items.push(child)
      }
    }
    return item
  }
  const item = next(0)
  return at === bytes.byteLength ? item : undefined
}

function readUint(view: DataView, at: number, width: 1 | 2 | 4 | 8): bigint {
  if (width === 8) return view.getBigUint64(at)
  return BigInt(width === 1 ? view.getUint8(at) : width === 2 ? view.getUint16(at) : view.getUint32(at))
}

/** The bytes of an item; `document` says how those of documents inside byte strings are made. */
export function writeItem(item: Item, document: (item: Item) => Uint8Array = writeItem): Uint8Array {
  const parts: Uint8Array[] = []
  const write = (one: Item): void => {
    const { major, indefinite = false } = one
    if (one.isRaw === true) {
      parts.push(one.content!)
      return
    }
    const inner = one.document === undefined ? undefined : document(one.document)
    const content = inner ?? one.content
    const count =
      one.items === undefined ? undefined : BigInt(Math.floor(one.items.length / (major === 5 ? 2 : 1)))
    const natural =
      content !== undefined
        ? BigInt(content.byteLength)
        : major === 6
          ? one.argument
          : (count ?? one.argument)
    if (indefinite && major >= 2 && major <= 5) parts.push(Uint8Array.of((major << 5) | 31))
    else parts.push(headOf(major, one.declared ?? natural, one.width))
    if (content !== undefined) {
      if (indefinite) parts.push(headOf(major, BigInt(content.byteLength), undefined))
      parts.push(content)
    }
    for (const child of one.items ?? []) write(child)
    if (indefinite && major >= 2 && major <= 5) parts.push(Uint8Array.of(0xff))
  }
  write(item)
  return Buffer.concat(parts)
}

function headOf(major: number, argument: bigint, width: Item['width']): Uint8Array {
  const shortest =
    argument < 24n ? 0 : argument < 0x100n ? 1 : argument < 0x10000n ? 2 : argument < 0x100000000n ? 4 : 8
  const chosen = width === undefined || (width < shortest && major !== 7) ? shortest : width
  const first = major << 5
  if (chosen === 0) return Uint8Array.of(first | (Number(argument) & 31))
  const head = new Uint8Array(1 + chosen)
  const view = new DataView(head.buffer)
  head[0] = first | { 1: 24, 2: 25, 4: 26, 8: 27 }[chosen]
  if (chosen === 8) view.setBigUint64(1, BigInt.asUintN(64, argument))
  else if (chosen === 4) view.setUint32(1, Number(BigInt.asUintN(32, argument)))
  else if (chosen === 2) view.setUint16(1, Number(BigInt.asUintN(16, argument)))
  else view.setUint8(1, Number(BigInt.asUintN(8, argument)))
  return head
}

export const textItem = (text: string): Item => {
  const content = new TextEncoder().encode(text)
  return { major: 3, argument: BigInt(content.byteLength), content }
}
export const bytesItem = (content: Uint8Array): Item => ({
  major: 2,
  argument: BigInt(content.byteLength),
  content,
})
export const uintItem = (value: bigint): Item => ({ major: 0, argument: value })
export const simpleItem = (value: number): Item => ({
  major: 7,
  argument: BigInt(value),
  width: value < 24 ? 0 : 1,
})
export const arrayItem = (items: Item[]): Item => ({ major: 4, argument: 0n, items })

/** A float of 2, 4 or 8 bytes by its bits. */
export const floatItem = (bits: bigint, width: 2 | 4 | 8): Item => ({ major: 7, argument: bits, width })

const scratch = new DataView(new ArrayBuffer(8))
export function doubleItem(value: number): Item {
  scratch.setFloat64(0, value)
  return floatItem(scratch.getBigUint64(0), 8)
}

/** The value of a key that is a text; undefined where there is none. */
export function valueOfKey({ major, items }: Item, key: string): Item | undefined {
  if (major !== 5 || items === undefined) return undefined
  for (let k = 0; k + 1 < items.length; k += 2) if (textOf(items[k]!) === key) return items[k + 1]
  return undefined
}

export const textOf = ({ major, content }: Item): string | undefined =>
  major === 3 && content !== undefined ? Buffer.from(content).toString('utf8') : undefined
