import { counted } from '@tempered/errors'
import { LIMITS } from '@tempered/protocol'

/** Whether a run of so many rounds has no end: it goes on until its members decide on one. */
export const isOpenEnded = (rounds: number): boolean => rounds >= LIMITS.maxRounds

/** `20 rounds`, or `no end`. */
export const roundsText = (rounds: number): string =>
  isOpenEnded(rounds) ? 'no end' : counted(rounds, 'round')

/** `5 of 20`, or `5` in a run without an end. Counted from 1. */
export const roundOf = (round: number, rounds: number, between = ' of '): string =>
  isOpenEnded(rounds) ? String(round) : `${round}${between}${rounds}`
