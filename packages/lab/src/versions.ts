import { readFileSync } from 'node:fs'

/** Version of this package. */
export function temperedVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

/** Versions that results record. */
export function versions(): Record<string, string> {
  return {
    tempered: temperedVersion(),
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
  }
}
