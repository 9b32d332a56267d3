/** Texts as tokens. */

import type { Task } from '../../task/task-schema.js'

type TextInput = Extract<Task['input'], { type: 'text' }>

/** Token that fills up, and token of what is not in the vocabulary. */
export const FILL = 0
const UNKNOWN = 1

/** Lower-cased runs of letters and digits, or single other characters that are no spaces. */
const WORD = /[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu

/** The units of a text in which its tokens are counted. */
export function unitsOf(unit: 'character' | 'word', text: string): string[] {
  return unit === 'character' ? Array.from(text) : (text.toLowerCase().match(WORD) ?? [])
}

/** All tokens of a text. */
export function createTokenizer({ unit, vocabulary }: TextInput): (text: string) => Int32Array {
  if (unit === 'byte') return (text) => Int32Array.from(Buffer.from(text, 'utf8'), (byte) => byte + 1)
  const numbers = new Map(vocabulary.map((token, k) => [token, k + 2]))
  return (text) => Int32Array.from(unitsOf(unit, text), (token) => numbers.get(token) ?? UNKNOWN)
}

/** The first `length` tokens, filled up. */
export function cutTokens(tokens: Int32Array, length: number): Int32Array {
  const out = new Int32Array(length).fill(FILL)
  out.set(tokens.subarray(0, length))
  return out
}

/**
 * Samples of length + 1 tokens for next-token: each begins with the last token of the one before it, so that every
 * token but the first is predicted once. None for fewer than two tokens.
 */
export function tokenWindows(tokens: Int32Array, length: number): Int32Array[] {
  const windows: Int32Array[] = []
  for (let start = 0; start + 1 < tokens.length; start += length)
    windows.push(cutTokens(tokens.subarray(start), length + 1))
  return windows
}
