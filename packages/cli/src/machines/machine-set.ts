import {
  type PlannedNode,
  type PlannedTrainer,
  type RunPlan,
  usesData,
  wholeSplit,
} from '@tempered/lab/scenario'
import { drawnInitialParameters } from '@tempered/node'
import type { NodeConfigInput } from '../config/node-config.js'
import { CliError } from '../errors.js'
import { type AttackFile, attackFile } from './attack-file.js'
import { type MachineAddress, machineAddresses } from './machine-address.js'

/** The nodes of a scenario as hosts on separate machines. */
export interface MachineSet {
  readonly plan: RunPlan
  readonly hosts: readonly EmittedMachine[]
  /** Whether all hosts are found by name, as in Compose and Kubernetes. */
  readonly isByName: boolean
}

export interface EmittedMachine {
  readonly node: PlannedNode
  readonly address: MachineAddress
  /** Content of its `node.yaml`. */
  readonly config: NodeConfigInput
  /** Content of its `attack.yaml`; undefined for an honest host. */
  readonly attack: AttackFile | undefined
}

/** Members that each host knows from the start; it finds the others through them. */
const BOOTSTRAP_MEMBERS = 3

/** The model that a run begins with, unless its seed draws it. */
export function givenModel({ run, initialParameters }: RunPlan): Float32Array | undefined {
  return drawnInitialParameters(run.manifest) === undefined ? initialParameters : undefined
}

/** Whether hosts need data that users have to put there. */
export function needsOwnData({ scenario }: RunPlan): boolean {
  return scenario.data.source !== 'mnist' && usesData(scenario)
}

/** Folder with IDX files in a host's folder, for scenarios with their own data. */
export const DATA_FOLDER = 'data'

/**
 * The configuration of every host of a plan.
 *
 * @param given addresses, each `node-or-index=host:port`
 * @throws E_CONFIG when an attacker needs the models of others, E_USAGE for an invalid address
 */
export function machineSet(plan: RunPlan, given: readonly string[]): MachineSet {
  requireOwnKnowledge(plan)
  const { scenario, run, nodes, topology } = plan
  const addresses = machineAddresses(
    nodes.map(({ name }) => name),
    given,
  )
  const { source, memory } = scenario.data
  const split = wholeSplit(scenario, topology.graph)
  const hosts = nodes.map((node, index): EmittedMachine => {
    const address = addresses[index]!
    const known = Array.from(
      { length: Math.min(BOOTSTRAP_MEMBERS, nodes.length - 1) },
      (_, k) => (index + 1 + k) % nodes.length,
    )
    return {
      node,
      address,
      config: {
        name: node.name,
        key: 'identity.key',
        state: 'state',
        listen: [address.listen],
        announce: [address.announce],
        bootstrap: known.map((other) => `${addresses[other]!.announce}/p2p/${run.manifest.members[other]}`),
        manifest: { file: 'manifest.json' },
        ...(node.trainer === undefined
          ? {
              data: {
                source: source === 'mnist' ? source : DATA_FOLDER,
                ...(memory === undefined ? {} : { memory }),
                split,
                part: index,
                parts: nodes.length,
                seed: run.manifest.seed,
              },
            }
          : { trainer: trainerConfig(node.trainer) }),
        evaluation: scenario.evaluation,
        backend: scenario.backend,
        keepRounds: scenario.keepRounds,
      },
      attack: node.attack === undefined ? undefined : attackFile(node.attack),
    }
  })
  return { plan, hosts, isByName: given.length === 0 }
}

/** Without its folder: on a host it runs in that of `node.yaml`. */
function trainerConfig({ cwd: _, ...rest }: PlannedTrainer): NonNullable<NodeConfigInput['trainer']> {
  return { ...rest, command: [...rest.command] }
}

/** The launcher of a cluster gives honest models to attackers; on separate machines nothing can. */
function requireOwnKnowledge({ nodes }: RunPlan): void {
  const seeing = nodes.flatMap(({ name, attack }) =>
    attack === undefined || attack.knowledge === 'own' ? [] : [{ name, attack }],
  )
  if (seeing.length === 0) return
  const who = seeing.map(({ name, attack }) => `${name} (${attack.name}, sees ${attack.knowledge})`)
  throw new CliError(
    'E_CONFIG',
    `${who.join(', ')}: on separate machines attackers see no models of others before they send theirs; ` +
      'run this scenario with --stage cluster or --stage simulate, or choose an attack whose knowledge is own',
  )
}
