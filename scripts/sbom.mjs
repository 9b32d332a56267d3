// `npm run sbom [-- FILE]`: the bill of materials of what the packages need at run time, as CycloneDX 1.6 (JSON), from what pnpm has
// installed. Fails for a licence that is not on the list below, and for a package without an integrity hash in the lockfile.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Enums, Models, Serialize, Spec } from '@cyclonedx/cyclonedx-library'
import { pnpm, root } from './setup.mjs'

/** Licences that allow use in a project under Apache-2.0. */
const ALLOWED = new Set([
  '0BSD',
  'Apache-2.0',
  'Apache-2.0 OR MIT',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  'MIT',
  'MIT OR Apache-2.0',
])

const [command, ...before] = pnpm()
const listed = JSON.parse(
  execFileSync(command, [...before, 'licenses', 'list', '--prod', '--json'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  }),
)
const lockfile = readFileSync(join(root, 'pnpm-lock.yaml'), 'utf8')
const { name, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

const bom = new Models.Bom({
  metadata: new Models.Metadata({
    component: new Models.Component(Enums.ComponentType.Application, name, { version, bomRef: name }),
  }),
})
const mistakes = []
for (const [licence, packages] of Object.entries(listed))
  for (const { name: of, versions, homepage } of packages)
    for (const one of versions) {
      if (!ALLOWED.has(licence)) mistakes.push(`${of}@${one}: licence ${licence} is not allowed`)
      const integrity = integrityOf(of, one)
      if (integrity === undefined) mistakes.push(`${of}@${one}: no integrity hash in pnpm-lock.yaml`)
      const component = new Models.Component(Enums.ComponentType.Library, of, {
        version: one,
        bomRef: `${of}@${one}`,
        purl: `pkg:npm/${of.replace('@', '%40')}@${one}`,
      })
      component.licenses.add(new Models.LicenseExpression(licence))
      if (integrity !== undefined) component.hashes.set(Enums.HashAlgorithm['SHA-512'], integrity)
      if (homepage !== undefined)
        component.externalReferences.add(
          new Models.ExternalReference(homepage, Enums.ExternalReferenceType.Website),
        )
      bom.components.add(component)
    }

/** SHA-512 in hexadecimal, as the lockfile has it. */
function integrityOf(of, one) {
  const key = `  '${of}@${one}':\n`
  const plain = `  ${of}@${one}:\n`
  const at = lockfile.indexOf(key) >= 0 ? lockfile.indexOf(key) : lockfile.indexOf(plain)
  const found = /integrity: sha512-([A-Za-z0-9+/=]+)/.exec(lockfile.slice(at, at + 400))
  return at < 0 || found === null ? undefined : Buffer.from(found[1], 'base64').toString('hex')
}

const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6))
const text = `${serializer.serialize(bom, { sortLists: true, space: 2 })}\n`
const file = process.argv[2]
if (file === undefined) process.stdout.write(text)
else {
  writeFileSync(file, text)
  process.stderr.write(`sbom: ${bom.components.size} packages in ${file}\n`)
}
if (mistakes.length > 0) {
  process.stderr.write(`${mistakes.join('\n')}\n`)
  process.exitCode = 1
}
