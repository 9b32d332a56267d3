import type { EmittedMachine } from './machine-set.js'

/** `start.sh` of a host: plain `tempered node start`, or the command that injects its attack. */
export function startScript({ node, attack }: EmittedMachine): string {
  const command = attack === undefined ? 'node start' : 'scenario node'
  return `#!/bin/sh
# Starts ${node.name}; what it is given goes to the command. TEMPERED says where the tempered command is.
tempered="\${TEMPERED:-tempered}"
if ! command -v "$tempered" >/dev/null; then
  echo "start.sh: there is no command $tempered; set TEMPERED to the path of tempered in a checkout" >&2
  exit 127
fi
exec "$tempered" ${command} --config "$(dirname "$0")/node.yaml" "$@"
`
}
