import { isLedgerAttack, knowledgeOf, type PlannedAttack } from '@tempered/lab/adversary'
import { loadDocument, namedWithParams, type Problem } from '@tempered/lab/documents'
import { createAttack } from '@tempered/robust-agg/attacks'
import { z } from 'zod'

/** Next to the `node.yaml` of a host that attacks. */
export const ATTACK_FILE = 'attack.yaml'

const attackFileSchema = z.strictObject({
  attack: namedWithParams('The attack, as in a scenario. It must not need the models of others.'),
  poison: namedWithParams('An attack on the training data in addition to one on the model.').optional(),
  from: z.int().min(1).describe('First round of the attack, from 1.'),
  to: z.int().min(1).describe('Last round of the attack.'),
})

/** What an attacking host does, as in its file. */
export type AttackFile = z.infer<typeof attackFileSchema>

export function attackFile({ name, params, poison, from, to }: PlannedAttack): AttackFile {
  return {
    attack: { name, params: { ...params } },
    ...(poison === undefined ? {} : { poison: { name: poison.name, params: { ...poison.params } } }),
    from: from + 1,
    to: to + 1,
  }
}

/** Reads the attack of an attacking host. Throws E_FILE, or E_CONFIG with file, line and column. */
export async function loadAttackFile(path: string): Promise<PlannedAttack> {
  const { attack, poison, from, to } = await loadDocument(path, attackFileSchema, { check: checkAttack })
  return {
    name: attack.name,
    params: attack.params,
    ...(poison === undefined ? {} : { poison }),
    from: from - 1,
    to: to - 1,
    knowledge: 'own',
    colluding: false,
  }
}

function checkAttack({ attack, poison }: AttackFile): Problem[] {
  const problems: Problem[] = []
  const tried = (path: string, make: () => { readonly kind: string } | undefined): string | undefined => {
    try {
      return make()?.kind
    } catch (error) {
      problems.push({ path: [path], message: (error as Error).message })
      return undefined
    }
  }
  tried('attack', () => (isLedgerAttack(attack.name) ? undefined : createAttack(attack.name, attack.params)))
  if (knowledgeOf(attack.name) !== 'own') {
    problems.push({
      path: ['attack', 'name'],
      message: `${attack.name} needs the models of others, and a host sees none before it has sent its own`,
    })
  }
  if (poison !== undefined) {
    const kind = tried('poison', () => createAttack(poison.name, poison.params))
    if (kind === 'model')
      problems.push({ path: ['poison', 'name'], message: `${poison.name} is not an attack on training data` })
  }
  return problems
}
