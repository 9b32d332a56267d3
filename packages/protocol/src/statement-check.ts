import { ProtocolError } from './errors.js'
import type { Run } from './manifest.js'
import { type Statement, statementSigner } from './statement.js'

interface Stated {
  /** Peer id. */
  readonly author: string
  readonly statement?: Uint8Array | undefined
}

/**
 * Throws E_STATEMENT unless a message carries the statement that its run asks for: that of its author's account where
 * the manifest names accounts, none elsewhere.
 */
export function verifyStatement(body: Stated, said: Statement, run: Run): void {
  const { settlement } = run.manifest
  const wrong = (what: string): ProtocolError =>
    new ProtocolError('E_STATEMENT', `${said.kind} of ${body.author}: ${what}`, { author: body.author })
  if (settlement === undefined) {
    if (body.statement !== undefined) throw wrong('it carries a statement, but its run names no accounts')
    return
  }
  const member = run.memberIndex.get(body.author)
  const account = member === undefined ? undefined : settlement.accounts[member]
  if (body.statement === undefined)
    throw wrong('its run asks for a statement of its account, and it has none')
  const signer = statementSigner(said, body.statement, settlement)
  if (account === undefined || signer !== account) throw wrong('its statement is not signed by its account')
}
