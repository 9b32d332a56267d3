/** Numbers for people. `–` stands for what was not measured. */

export function percent(share: number | null | undefined, digits = 1): string {
  return share === null || share === undefined
    ? '–'
    : `${Number((100 * share).toPrecision(12)).toFixed(digits)} %`
}

export function bytes(count: number | null | undefined): string {
  if (count === null || count === undefined) return '–'
  if (count < 1000) return `${count.toFixed(0)} B`
  if (count < 1e6) return `${(count / 1e3).toFixed(1)} kB`
  if (count < 1e9) return `${(count / 1e6).toFixed(2)} MB`
  return `${(count / 1e9).toFixed(2)} GB`
}

export function seconds(value: number | null | undefined): string {
  return value === null || value === undefined ? '–' : `${value.toFixed(2)} s`
}

export function decimal(value: number | null | undefined, digits = 3): string {
  return value === null || value === undefined ? '–' : value.toFixed(digits)
}
