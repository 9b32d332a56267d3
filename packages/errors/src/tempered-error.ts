import { foreignText } from './short-text.js'
import { fileErrorText, isFileError } from './system-error.js'

/**
 * Base class of every error that Tempered raises on purpose. `code` is stable: logs, metrics, ledgers and exit codes
 * carry it. `message` says what is wrong, where, and how to fix it.
 */
export class TemperedError<Code extends string = string, Details = unknown> extends Error {
  /** `E_…`. */
  readonly code: Code
  /** Facts behind the message, for programs. */
  readonly details: Details

  constructor(code: Code, message: string, details: Details, cause?: unknown) {
    super(printable(message), cause === undefined ? undefined : { cause })
    this.code = code
    this.details = details
  }
}

/**
 * Control characters, but for line ends and tabs, as `\\x1b`, and those that turn the direction of text as `\\u202e`: names
 * in a file must not steer a terminal, nor look like others.
 */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about
  return text.replaceAll(/[\0-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (found) => {
    const code = found.charCodeAt(0)
    if (found === '\r') return found
    return code > 0xff ? `\\u${code.toString(16)}` : `\\x${code.toString(16).padStart(2, '0')}`
  })
}

/** What a stranger wrote, as one line of a log: like {@link printable}, without line ends and tabs, cut after `most` characters. */
export function printableLine(text: string, most = 512): string {
  const line = printable(text.slice(0, most)).replaceAll(/[\t\n\r\u2028\u2029]+/g, ' ')
  return text.length > most ? `${line}…` : line
}

/**
 * The `E_…` code of any error, for logs, metrics and ledgers. Errors of the operating system about files are `E_IO`,
 * unknown errors `E_INTERNAL`.
 */
export function errorCode(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code
  if (typeof code === 'string' && code.startsWith('E_')) return code
  return isFileError(error) ? 'E_IO' : 'E_INTERNAL'
}

/**
 * The message of any thrown value; for errors of the operating system about files with what to do about them. Of what a
 * schema found, the first: all of them, as the library lists them, are as long as whoever made the input wants.
 */
export function errorMessage(error: unknown): string {
  if (isFileError(error)) return fileErrorText(error)
  const issue = firstIssue(error)
  if (issue !== undefined) return issue
  // Sockets throw events too.
  const message = (error as { message?: unknown } | null | undefined)?.message
  return typeof message === 'string' ? message : String(error)
}

function firstIssue(error: unknown): string | undefined {
  const { issues } = (error ?? {}) as { issues?: unknown }
  const first = Array.isArray(issues) ? (issues[0] as { path?: unknown; message?: unknown }) : undefined
  if (typeof first?.message !== 'string') return undefined
  const path = Array.isArray(first.path) ? first.path.map(String).join('.') : ''
  return foreignText(`${path === '' ? '' : `field ${path}: `}${first.message}`)
}
