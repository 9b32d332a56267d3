import { DATA_FOLDER, type MachineSet, needsOwnData } from './machine-set.js'
import { projectName } from './project-name.js'

export interface ComposeInit {
  /** Image to build, or to pull when it exists. */
  readonly image: string
  /** Folder of the checkout, relative to the file. */
  readonly checkout: string
  /** `uid:gid` that may read the keys. */
  readonly user: string
}

/** The hosts as services of Docker Compose (compose-spec), each with its folder, and its state in that folder. */
export function composeDocument({ plan, hosts }: MachineSet, { image, checkout, user }: ComposeInit): object {
  const isOwnData = needsOwnData(plan)
  return {
    name: projectName(plan.scenario.name),
    services: Object.fromEntries(
      hosts.map(({ node, address }, k) => [
        node.name,
        {
          image,
          // One service builds the image for all.
          ...(k === 0 ? { build: { context: `\${TEMPERED_CHECKOUT:-${checkout}}` } } : {}),
          user: `\${TEMPERED_USER:-${user}}`,
          hostname: node.name,
          init: true,
          command: ['sh', '/host/start.sh'],
          volumes: [
            `./hosts/${node.name}:/host`,
            ...(isOwnData ? [`\${TEMPERED_DATA:?file or folder with the data}:/host/${DATA_FOLDER}:ro`] : []),
          ],
          healthcheck: {
            test: ['CMD', 'node', '-e', portCheck(address.port)],
            interval: '30s',
            timeout: '5s',
            retries: 3,
            start_period: '2m',
          },
          restart: 'on-failure',
          stop_grace_period: '30s',
        },
      ]),
    ),
  }
}

function portCheck(port: number): string {
  return `require('node:net').connect(${port}, '127.0.0.1').on('connect', () => process.exit(0)).on('error', () => process.exit(1))`
}
