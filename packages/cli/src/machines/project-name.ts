/** Name of a scenario's Compose project and Kubernetes namespace: a DNS label of at most 63 characters. */
export function projectName(scenario: string): string {
  return `tempered-${scenario}`.slice(0, 63).replace(/-+$/, '')
}
