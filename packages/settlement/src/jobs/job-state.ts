/** In the order of the contract. */
export const JOB_STATES = ['none', 'open', 'full', 'settled', 'refunded'] as const
export type JobState = (typeof JOB_STATES)[number]
