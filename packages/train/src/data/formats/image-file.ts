/** PNG and JPEG images as bytes, decoded without native code. */

import { inflateSync } from 'node:zlib'
import jpeg from 'jpeg-js'
import { PNG } from 'pngjs'
import { DataError } from '../data-error.js'

/** The most pixels of one image; a small file can claim any size. */
const MAX_PIXELS = 64_000_000

/** Size of an image, from its header. */
export interface ImageSize {
  readonly width: number
  readonly height: number
  /** Whether it is stored without colours. */
  readonly grey: boolean
}

/** An image as RGBA bytes, row by row. */
export interface DecodedImage extends ImageSize {
  readonly rgba: Uint8Array
}

/** Name of an image file that is read. */
export const IMAGE_NAME = /\.(png|jpe?g)$/i

/** Size from the header alone. Throws E_DATA_FORMAT, E_DATA_TOO_LARGE. */
export function imageSize(file: string, bytes: Buffer): ImageSize {
  const size = isPng(bytes) ? pngSize(bytes) : isJpeg(bytes) ? jpegSize(bytes) : undefined
  if (size === undefined || size.width < 1 || size.height < 1)
    throw new DataError(
      'E_DATA_FORMAT',
      'is no PNG or JPEG image, or its header is damaged; convert or remove it',
      {
        file,
        offset: 0,
      },
    )
  if (size.width * size.height > MAX_PIXELS)
    throw new DataError(
      'E_DATA_TOO_LARGE',
      `claims ${size.width}×${size.height} pixels, above ${MAX_PIXELS}; make it smaller, or remove it`,
      {
        file,
      },
    )
  return size
}

/** Decodes an image; 16 bits become 8, JPEG as its decoder rounds. Throws E_DATA_FORMAT, E_DATA_TOO_LARGE. */
export function decodeImage(file: string, bytes: Buffer): DecodedImage {
  const size = imageSize(file, bytes)
  try {
    if (isPng(bytes)) checkPixels(bytes)
    const { width, height, data } = isPng(bytes)
      ? PNG.sync.read(bytes, { checkCRC: true })
      : jpeg.decode(bytes, { useTArray: true, tolerantDecoding: false, maxMemoryUsageInMB: 1024 })
    if (width !== size.width || height !== size.height) throw new OwnFault('its header names another size')
    return { ...size, rgba: data }
  } catch (cause) {
    const message = isWhole(bytes) ? ownWords(cause) : 'it ends too early'
    throw new DataError('E_DATA_FORMAT', `the image is damaged (${message}); replace or remove it`, {
      file,
      cause,
    })
  }
}

/** What was found here, not by the decoders, whose words mean nothing to a user. */
class OwnFault extends Error {}

/** What is wrong with an image, in few words. */
function ownWords(cause: unknown): string {
  const { code } = cause as NodeJS.ErrnoException
  if (code === 'Z_BUF_ERROR') return 'it ends too early'
  if (code === 'ERR_BUFFER_TOO_LARGE') return 'it holds more pixels than its header says'
  if (code?.startsWith('Z_') === true) return 'its compressed pixels are damaged'
  return cause instanceof OwnFault ? cause.message : 'its contents cannot be decoded'
}

/** Bits of a pixel by colour type and depth: samples per pixel. */
const PNG_SAMPLES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }
/** First row and column, and steps, of the passes of an interlaced PNG (Adam7). */
const PASSES = [
  [0, 0, 8, 8],
  [0, 4, 8, 8],
  [4, 0, 8, 4],
  [0, 2, 4, 4],
  [2, 0, 4, 2],
  [0, 1, 2, 2],
  [1, 0, 2, 1],
] as const

/**
 * Throws OwnFault unless there are as many bytes of pixels as the header says: the decoder fills up what is missing with
 * whatever is in memory.
 */
function checkPixels(bytes: Buffer): void {
  const { width, height } = pngSize(bytes) as ImageSize
  const bits = (bytes[24] as number) * (PNG_SAMPLES[bytes[25] as number] ?? 0)
  const passes = bytes[28] === 1 ? PASSES : ([[0, 0, 1, 1]] as const)
  let wanted = 0
  for (const [row, column, down, along] of passes) {
    const columns = Math.ceil((width - column) / along)
    const rows = Math.ceil((height - row) / down)
    // Each row begins with the number of its filter.
    if (columns > 0 && rows > 0) wanted += rows * (1 + Math.ceil((columns * bits) / 8))
  }
  const found = inflateSync(Buffer.concat(pixelChunks(bytes)), { maxOutputLength: wanted + 65_536 }).length
  if (found < wanted) throw new OwnFault('it ends too early')
  if (found > wanted) throw new OwnFault('it holds more pixels than its header says')
}

function pixelChunks(bytes: Buffer): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at)
    if (bytes.toString('latin1', at + 4, at + 8) === 'IDAT')
      chunks.push(bytes.subarray(at + 8, at + 8 + length))
    at += 12 + length
  }
  return chunks
}

/** Whether the mark that ends an image is there. */
function isWhole(bytes: Buffer): boolean {
  if (!isPng(bytes)) return bytes.includes('\xff\xd9', 2, 'latin1')
  const end = bytes.lastIndexOf('IEND', undefined, 'latin1')
  return end >= 0 && end + 8 <= bytes.length
}

function isPng(bytes: Buffer): boolean {
  return bytes.length > 8 && bytes.readUInt32BE(0) === 0x89504e47 && bytes.readUInt32BE(4) === 0x0d0a1a0a
}

function isJpeg(bytes: Buffer): boolean {
  return bytes.length > 4 && bytes.readUInt16BE(0) === 0xffd8
}

function pngSize(bytes: Buffer): ImageSize | undefined {
  if (bytes.length < 29) return undefined
  return {
    width: bytes.readUInt32BE(16),
    height: bytes.readUInt32BE(20),
    // Colour type: 0 grey, 4 grey with alpha.
    grey: bytes[25] === 0 || bytes[25] === 4,
  }
}

function jpegSize(bytes: Buffer): ImageSize | undefined {
  let at = 2
  while (at + 9 < bytes.length) {
    if (bytes[at] !== 0xff) return undefined
    const marker = bytes[at + 1] as number
    const frame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc
    if (frame)
      return {
        height: bytes.readUInt16BE(at + 5),
        width: bytes.readUInt16BE(at + 7),
        grey: bytes[at + 9] === 1,
      }
    at += marker === 0xff ? 1 : 2 + bytes.readUInt16BE(at + 2)
  }
  return undefined
}

/**
 * Writes an image to `out`, [height, width, channels] from `at` on, resized where its size is another. One channel is
 * the brightness, (299·R + 587·G + 114·B)/1000 rounded; three leave transparency out; four keep it.
 */
export function writePixels(
  { rgba, width, height }: DecodedImage,
  shape: readonly [number, number, number],
  out: Uint8Array,
  at: number,
): void {
  const [toHeight, toWidth, channels] = shape
  const same = toHeight === height && toWidth === width
  const source = same ? rgba : resizeBilinear(rgba, width, height, toWidth, toHeight)
  const pixels = toHeight * toWidth
  for (let p = 0; p < pixels; p++) {
    const from = 4 * p
    const [red, green, blue] = [
      source[from] as number,
      source[from + 1] as number,
      source[from + 2] as number,
    ]
    if (channels === 1) {
      out[at + p] = Math.floor((299 * red + 587 * green + 114 * blue + 500) / 1000)
      continue
    }
    for (let c = 0; c < channels; c++) out[at + p * channels + c] = source[from + c] as number
  }
}

/**
 * Bilinear, with the centres of pixels at halves and the border repeated: output y is at (y + ½)·height/toHeight − ½
 * of the input. Four bytes per pixel, rounded to the nearest. No smoothing before an image is made smaller.
 */
export function resizeBilinear(
  rgba: Uint8Array,
  width: number,
  height: number,
  toWidth: number,
  toHeight: number,
): Uint8Array {
  const out = new Uint8Array(toWidth * toHeight * 4)
  const across = samplePoints(width, toWidth)
  samplePoints(height, toHeight).forEach(([top, bottom, down], y) => {
    across.forEach(([left, right, along], x) => {
      for (let c = 0; c < 4; c++) {
        const at = (row: number, column: number): number => rgba[4 * (row * width + column) + c] as number
        const above = at(top, left) * (1 - along) + at(top, right) * along
        const below = at(bottom, left) * (1 - along) + at(bottom, right) * along
        out[4 * (y * toWidth + x) + c] = Math.round(above * (1 - down) + below * down)
      }
    })
  })
  return out
}

function samplePoints(from: number, to: number): [low: number, high: number, weight: number][] {
  return Array.from({ length: to }, (_, k) => {
    const place = Math.min(Math.max(((k + 0.5) * from) / to - 0.5, 0), from - 1)
    const low = Math.floor(place)
    return [low, Math.min(low + 1, from - 1), place - low]
  })
}
