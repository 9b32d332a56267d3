/** Reads a file of reference values and keeps account of which of them were looked at, so that none is left out. */

import { readFileSync } from 'node:fs'

export interface TrackedJson {
  // biome-ignore lint/suspicious/noExplicitAny: the shape is that of the file
  readonly values: any
  /** Paths of the leaves that have not been read, such as `balance/lambda0/value`; a list of numbers is one leaf. */
  unread(): string[]
}

const isLeaf = (value: unknown): boolean =>
  typeof value !== 'object' ||
  value === null ||
  (Array.isArray(value) && !value.some((entry) => isGroup(entry)))
const isGroup = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function leaves(value: object, path: string): string[] {
  return Object.entries(value).flatMap(([key, entry]) =>
    isLeaf(entry) ? [`${path}${key}`] : leaves(entry, `${path}${key}/`),
  )
}

/** @param file - next to this one */
export function readTracked(file: string): TrackedJson {
  const whole: object = JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8'))
  const left = new Set(leaves(whole, ''))
  const watch = (value: object, path: string): object =>
    new Proxy(value, {
      get: (target, key) => {
        const entry: unknown = Reflect.get(target, key)
        if (typeof key !== 'string' || !Object.hasOwn(target, key)) return entry
        if (isLeaf(entry)) left.delete(`${path}${key}`)
        else return watch(entry as object, `${path}${key}/`)
        return entry
      },
    })
  return { values: watch(whole, ''), unread: () => [...left] }
}
