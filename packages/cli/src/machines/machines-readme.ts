import { counted } from '@tempered/errors'
import { faultText, sortFaults } from '@tempered/lab/faults'
import { type Scenario, variantRuleName } from '@tempered/lab/scenario'
import { ruleText } from '@tempered/lab/text'
import { DATA_CLAIM } from './kubernetes-file.js'
import { MODEL_CLAIM, needsModelClaim } from './kubernetes-model.js'
import { DATA_FOLDER, givenModel, type MachineSet, needsOwnData } from './machine-set.js'
import { projectName } from './project-name.js'

export interface MachinesReadmeInit {
  readonly set: MachineSet
  /** The scenario of the file, with all its seeds, rules and controls. */
  readonly whole: Scenario
  readonly freshKeys: boolean
  readonly image: string
}

/**
 * `README.md` of the folder: its content, how to start it, and which parts of the scenario are not carried out there.
 */
export function machinesReadme(init: MachinesReadmeInit): string {
  const { set, freshKeys } = init
  const { plan, hosts } = set
  const { name, seed } = plan.scenario
  const attackers = hosts.filter(({ attack }) => attack !== undefined)
  const who =
    attackers.length === 0
      ? 'There are no attackers.'
      : `Attackers, started with \`tempered scenario node\`: ${attackers
          .map(({ node, attack }) => `${node.name} (${attack!.attack.name})`)
          .join(', ')}.`
  return `# ${name} on ${counted(hosts.length, 'host')}

Written by \`tempered scenario run --stage hosts\`: run ${plan.run.id}, seed ${seed}, rule ${ruleText(plan.scenario.rule, plan.scenario.privacy)}.
${who}

- \`hosts/<node>/\` holds all that a host needs: \`node.yaml\`, \`identity.key\` (mode 0600), \`manifest.json\`,
  \`start.sh\`${givenModel(plan) === undefined ? '' : ', `manifest.initial` (the model to begin with)'}; for an attacker also \`attack.yaml\`. The host writes its ledger and models to \`state/\` there.
- \`manifest.json\` holds what all of them agree on, \`scenario.yaml\` the scenario for this seed.

${freshKeys ? FRESH_KEYS : SEED_KEYS}
${dataSection(set)}${trainerSection(set)}
## By hand

Copy each folder to its host, which needs a checkout of Tempered, and start it there:

\`\`\`sh
TEMPERED=/path/to/checkout/tempered sh hosts/${hosts[0]!.node.name}/start.sh
\`\`\`

| host | found at |
|---|---|
${hosts.map(({ node, address }) => `| ${node.name} | \`${address.announce}\` |`).join('\n')}

${set.isByName ? 'The names must resolve to the hosts, by DNS or by /etc/hosts. Otherwise write the folder again with `--address <node>=<host>:<port>`.' : 'They listen on every interface, or only on loopback if that is their address.'}
A host that was stopped or has crashed repeats the interrupted round when it is started again, or jumps to that of the others
where they are ahead; its ledger then has a gap.

${set.isByName ? manifestSections(init) : NO_MANIFESTS}
## Afterwards

Collect the folders (with Compose they are still in place), then:

\`\`\`sh
/path/to/checkout/tempered ledger verify hosts
/path/to/checkout/tempered ledger replay hosts --allow-missing
\`\`\`

## What is not carried out

${notCarriedOut(init)
  .map((line) => `- ${line}`)
  .join('\n')}
`
}

const SEED_KEYS = `**These keys protect nothing.** They are drawn from the scenario's seed, so that the run has the same members and the
same bits as on one machine; anyone who has the scenario can derive them. On a network that you do not trust, write the
folder with \`--fresh-keys\`.`
const FRESH_KEYS = `The keys are random and exist nowhere else. Give each host only its own folder; \`kubernetes.yaml\` (mode 0600),
where there is one, holds all of them. Since members are other than in a run on one machine, so is the run id.`
const NO_MANIFESTS = `Since addresses were given, there is no \`compose.yaml\` and no \`kubernetes.yaml\`: both find hosts by name.
`

function dataSection({ plan }: MachineSet): string {
  if (!needsOwnData(plan)) return ''
  return `
## Data

The scenario has its own data. Put its IDX files into \`${DATA_FOLDER}/\` in every host's folder (a link will do);
hosts use their parts of them. For Compose, name the folder in \`TEMPERED_DATA\`; in Kubernetes provide a
PersistentVolumeClaim \`${DATA_CLAIM}\` with them, which all pods can read.
`
}

function trainerSection({ hosts }: MachineSet): string {
  const trained = hosts.flatMap(({ node }) =>
    node.trainer === undefined ? [] : [{ node, trainer: node.trainer }],
  )
  if (trained.length === 0) return ''
  return `
## Trainers

On these hosts a process of your own trains. It runs in the host's folder: put its program and its data there, which
this folder does not have. Containers need an image with everything that it needs (\`--image\`); the one of this checkout
has only Node.js.

| host | command |
|---|---|
${trained.map(({ node, trainer }) => `| ${node.name} | \`${trainer.command.join(' ')}\` |`).join('\n')}
`
}

function manifestSections({ set, image }: MachinesReadmeInit): string {
  const namespace = projectName(set.plan.scenario.name)
  return `## Docker Compose

\`\`\`sh
docker compose up --build
\`\`\`

The image is built from the checkout. If it has moved, name its folder in \`TEMPERED_CHECKOUT\`. The
containers run as the user in \`compose.yaml\`, which must own \`hosts/\`; name another as \`TEMPERED_USER=uid:gid\`.
Files written by root belong to root: \`chown -R 1000:1000 hosts\`. A host that is done exits; one that fails is
restarted.

${kubernetesSection(set, image, namespace)}`
}

function kubernetesSection(set: MachineSet, image: string, namespace: string): string {
  const first = set.hosts[0]!.node.name
  return `## Kubernetes

\`\`\`sh
docker build -t ${image} /path/to/checkout
docker push ${image}
kubectl apply -f kubernetes.yaml
kubectl -n ${namespace} logs -f statefulset/${first}
\`\`\`

Every host has a Secret, a ConfigMap, a headless Service, and a StatefulSet with a claim of 1 GiB for its state. Hosts
that are done stay and serve their models (\`--stay\`). \`kubectl delete namespace ${namespace}\` deletes everything,
including the ledgers: copy \`/host/state\` of the pods first.
${needsModelClaim(set) ? MODEL_BY_CLAIM : ''}`
}

const MODEL_BY_CLAIM = `
The run begins with a model that is too large for ConfigMaps. Provide a PersistentVolumeClaim \`${MODEL_CLAIM}\` in this
namespace, which all pods can read, with \`manifest.initial\` of any host's folder in it.
`

function notCarriedOut({ set, whole }: MachinesReadmeInit): string[] {
  const { scenario, nodes } = set.plan
  const nameOf = (index: number): string => nodes[index]?.name ?? `node ${index}`
  const isStopped = Object.values(scenario.stop).some((value) => value !== undefined)
  const controls = Object.entries(whole.controls).flatMap(([name, isOn]) => (isOn ? [name] : []))
  const otherRules = whole.rules.slice(1).map((_, k) => variantRuleName(whole, k + 1))
  const faults = sortFaults(scenario.faults).map(
    (action) => `round ${action.at}: ${faultText(action, nameOf)}`,
  )
  const lines = [
    ...(faults.length > 0
      ? [
          `Faults, which you have to cause yourself (stop or kill a host, start it again or later, cut its network): ${faults.join('; ')}.`,
        ]
      : []),
    ...(isStopped ? ['The stop condition: hosts run until their last round.'] : []),
    ...(scenario.assertions.length > 0
      ? [`Assertions, since no process sees all hosts: ${scenario.assertions.join('; ')}.`]
      : []),
    ...(controls.length > 0 ? [`Controls: ${controls.join(', ')}.`] : []),
    ...(whole.seeds.length > 1 ? [`Other seeds: ${whole.seeds.slice(1).join(', ')}.`] : []),
    ...(otherRules.length > 0 ? [`Other rules: ${otherRules.join(', ')}.`] : []),
  ]
  return lines.length > 0 ? lines : ['Nothing is left out.']
}
