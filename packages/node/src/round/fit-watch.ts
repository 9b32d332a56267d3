import type { RoundReport } from './report.js'

/** Notices pre-aggregators that do not fit the models that a node receives. */
export interface FitWatch {
  /** Those that this report is the first to name. */
  note(report: Pick<RoundReport, 'unfit'>): string[]
}

export function createFitWatch(): FitWatch {
  const known = new Set<string>()
  return {
    note({ unfit = [] }) {
      const news = unfit.filter((step) => !known.has(step))
      for (const step of news) known.add(step)
      return news
    },
  }
}
