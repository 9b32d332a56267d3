import { NodeError } from '@tempered/node'
import { createRule } from '@tempered/robust-agg'
import { DataError, TrainError } from '@tempered/train'
import { describe, expect, it } from 'vitest'
import { thrownBy } from '../../../../test-support/thrown-by.js'
import { CliError } from '../../src/errors.js'
import { exitCodeOf } from '../../src/exit-codes.js'

describe('exitCodeOf', () => {
  it.each([
    [new CliError('E_CONFIG', ''), 2],
    [thrownBy(() => createRule('balanse')), 2],
    [new TrainError('E_BACKEND_UNAVAILABLE', ''), 2],
    [new DataError('E_IDX_MAGIC', ''), 3],
    [new NodeError('E_KEY', ''), 4],
    [new NodeError('E_STATE_IN_USE', ''), 5],
    [new NodeError('E_WRONG_RUN', ''), 5],
    [new CliError('E_LEDGER_INVALID', ''), 6],
    [new CliError('E_REPLAY_DIFFERS', ''), 6],
    [new CliError('E_NOT_CONVINCING', ''), 6],
    [new CliError('E_CONTRADICTION', ''), 6],
    [new CliError('E_UNPROVEN', ''), 7],
    [new NodeError('E_IO', ''), 7],
    [new NodeError('E_BAD_CID', ''), 2],
    [new NodeError('E_HASH_MISMATCH', ''), 3],
    [new NodeError('E_NO_CONNECTION', ''), 7],
    [new CliError('E_GOAL_MISSED', ''), 8],
    [new TypeError('a bug'), 1],
  ])('%o gives %i', (error, code) => {
    expect(exitCodeOf(error)).toBe(code)
  })
})
