import { errorCode, errorMessage } from '@tempered/node/errors'
import pc from 'picocolors'

/** An error for people: code and message; stack traces of it and its causes only on request. */
export function renderError(error: unknown, debug: boolean): string {
  const text = `${pc.red('error')} ${pc.bold(errorCode(error))}: ${errorMessage(error)}`
  if (!debug) return text
  const stacks: string[] = []
  for (let at: unknown = error; at instanceof Error; at = at.cause) stacks.push(at.stack ?? String(at))
  return `${text}\n${stacks.join('\ncaused by: ')}`
}
