import { errorCode } from '@tempered/node/errors'

/** Exit codes of the `tempered` command; scripts may rely on them. */
export const EXIT = {
  ok: 0,
  internal: 1,
  usage: 2,
  data: 3,
  key: 4,
  wrongRun: 5,
  ledgerInvalid: 6,
  resource: 7,
  goalMissed: 8,
  diverged: 9,
  hungUp: 129,
  interrupted: 130,
  pipeClosed: 141,
  terminated: 143,
} as const

/** Exit code of each error code; other codes exit with 1, or with 3 for a data error. */
export const EXIT_CODES: Readonly<Record<string, number>> = {
  E_USAGE: EXIT.usage,
  E_CONFIG: EXIT.usage,
  E_FILE: EXIT.usage,
  E_MANIFEST: EXIT.usage,
  E_UNKNOWN_RULE: EXIT.usage,
  E_UNKNOWN_ATTACK: EXIT.usage,
  E_UNKNOWN_TOPOLOGY: EXIT.usage,
  E_UNKNOWN_PARAMETER: EXIT.usage,
  E_PARAMETER_RANGE: EXIT.usage,
  E_MISSING_PARAMETER: EXIT.usage,
  E_CONFLICTING_PARAMETERS: EXIT.usage,
  E_TOPOLOGY: EXIT.usage,
  E_TOO_FEW_NODES: EXIT.usage,
  E_EVALUATOR_NEEDED: EXIT.usage,
  E_RULE_UNSUPPORTED: EXIT.usage,
  E_MODULE: EXIT.usage,
  E_CUSTOM: EXIT.usage,
  E_MODEL_UNKNOWN: EXIT.usage,
  E_MODEL_SHAPE: EXIT.usage,
  E_TASK: EXIT.usage,
  E_BACKEND_UNAVAILABLE: EXIT.usage,
  E_KEY: EXIT.key,
  E_WRONG_RUN: EXIT.wrongRun,
  E_NOT_A_MEMBER: EXIT.wrongRun,
  E_INITIAL_PARAMETERS: EXIT.wrongRun,
  E_STATE_IN_USE: EXIT.wrongRun,
  E_REFUSED: EXIT.wrongRun,
  E_LEDGER_INVALID: EXIT.ledgerInvalid,
  E_STATE_CORRUPT: EXIT.ledgerInvalid,
  E_ROLLED_BACK: EXIT.ledgerInvalid,
  E_REPLAY_DIFFERS: EXIT.ledgerInvalid,
  E_NOT_CONVINCING: EXIT.ledgerInvalid,
  E_CONTRADICTION: EXIT.ledgerInvalid,
  E_PROOF: EXIT.ledgerInvalid,
  E_IO: EXIT.resource,
  E_LISTEN: EXIT.resource,
  E_DIVERGED: EXIT.diverged,
  E_NODES_FAILED: EXIT.resource,
  E_UNPROVEN: EXIT.resource,
  E_GOAL_MISSED: EXIT.goalMissed,
}

/** Exit code for an error: by its `E_…` code, 1 for anything unknown. */
export function exitCodeOf(error: unknown): number {
  const { name } = (error ?? {}) as { name?: string }
  return EXIT_CODES[errorCode(error)] ?? (name === 'DataError' ? EXIT.data : EXIT.internal)
}
