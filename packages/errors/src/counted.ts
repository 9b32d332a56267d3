/** `1 member`, `2 members`, `3 entries`: a number with its noun, in the singular for one. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}
