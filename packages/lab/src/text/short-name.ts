/** `my-mean@5f3a1b2c`: the name of code from a module, with the beginning of its hash; other names as they are. */
export function shortName(name: string): string {
  return name.replace(/@([0-9a-f]{8})[0-9a-f]+$/, '@$1')
}
