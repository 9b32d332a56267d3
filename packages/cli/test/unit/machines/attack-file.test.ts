import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { attackFile, loadAttackFile } from '../../../src/machines/attack-file.js'
import { inTemporaryFolder } from '../../support/run-cli.js'

const load = (content: unknown) =>
  inTemporaryFolder(async (folder) => {
    await writeFile(join(folder, 'attack.yaml'), stringify(content))
    return loadAttackFile(join(folder, 'attack.yaml'))
  })

describe('attack.yaml', () => {
  it('says what the plan says', async () => {
    const planned = {
      name: 'model-replacement',
      params: { scale: 4 },
      poison: { name: 'label-flip', params: {} },
      from: 2,
      to: 9,
      knowledge: 'own',
      colluding: false,
    } as const
    expect(await load(attackFile(planned))).toEqual(planned)
  })

  it.each([
    [{ attack: { name: 'ipm' }, from: 1, to: 2 }, 'needs the models of others'],
    [{ attack: { name: 'sign-flop' }, from: 1, to: 2 }, 'sign-flop'],
    [{ attack: { name: 'gaussian', params: { stdDev: -1 } }, from: 1, to: 2 }, 'stdDev'],
    [
      { attack: { name: 'gaussian' }, poison: { name: 'nan' }, from: 1, to: 2 },
      'not an attack on training data',
    ],
    [{ attack: { name: 'gaussian' }, to: 2 }, 'from: is missing'],
  ])('is refused with its place: %j', async (content, message) => {
    await expect(load(content)).rejects.toThrow(message)
    await expect(load(content)).rejects.toMatchObject({ code: 'E_CONFIG' })
  })
})
