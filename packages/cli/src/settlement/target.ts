import { InvalidArgumentError } from 'commander'

/** `accuracy>=0.9`, `rmse<=3`. */
export interface Target {
  readonly metric: string
  readonly better: 'higher' | 'lower'
  readonly value: number
}

/** A target from an option. */
export const target = (text: string): Target => {
  const [, metric, sign, value] = /^([a-z0-9-]{1,64})(>=|<=)(-?\d+(?:\.\d+)?)$/.exec(text) ?? []
  if (metric === undefined || value === undefined)
    throw new InvalidArgumentError('must be a metric and a value, e.g. "accuracy>=0.9" or "rmse<=3"')
  return { metric, better: sign === '>=' ? 'higher' : 'lower', value: Number(value) }
}
