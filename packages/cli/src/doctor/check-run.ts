import { counted, roundsText } from '@tempered/lab/text'
import { errorMessage, readLedgerRun } from '@tempered/node'
import type { Run } from '@tempered/protocol'
import { loadManifest } from '../config/manifest-file.js'
import type { NodeConfig } from '../config/node-config.js'
import { knownRun } from '../membership/known-run.js'
import { type Finding, findingsOf } from './finding.js'

const { ok, note, problem } = findingsOf('run')

/** The run: a manifest that can be read, that names this node, and that the ledger belongs to. */
export async function checkRun(
  { manifest, state, file }: Pick<NodeConfig, 'manifest' | 'state' | 'file'>,
  peer: string | undefined,
): Promise<{ readonly findings: Finding[]; readonly run: Run | undefined }> {
  // What is wrong with the ledger is said by the check of the state folder.
  const begun = await readLedgerRun(state).catch(() => undefined)
  if (manifest === undefined)
    return {
      findings: [note(`${file} names no run: only for a node that is started with --serve-jobs`)],
      run: begun,
    }
  if ('peer' in manifest) {
    if (begun !== undefined) {
      const known = await knownRun(begun, state).catch(() => begun)
      return { findings: describe(known, peer), run: known }
    }
    return {
      findings: [note(`the manifest is taken from ${manifest.peer} at the first start`)],
      run: undefined,
    }
  }
  let run: Run
  try {
    run = await loadManifest(manifest.file)
  } catch (error) {
    return {
      findings: [
        problem(
          errorMessage(error),
          'make it with `tempered manifest create`, or copy it from another member',
        ),
      ],
      run: begun,
    }
  }
  const known = await knownRun(run, state).catch(() => run)
  const findings = describe(known, peer)
  if (begun !== undefined && !begun.id.equals(run.id))
    findings.push(
      problem(
        `the ledger in ${state} belongs to run ${begun.id}, the manifest is of run ${run.id}`,
        'name the manifest of that run, or give the new run a `state` folder of its own',
      ),
    )
  return { findings, run: known }
}

function describe(run: Run, peer: string | undefined): Finding[] {
  const { name, members, training } = run.manifest
  const what = `run ${name}, ${run.id}: ${counted(members.length, 'member')}, ${roundsText(training.rounds)}`
  if (peer === undefined || run.memberIndex.has(peer)) return [ok(what)]
  return [
    ok(what),
    problem(
      `${peer} is not among its members`,
      run.rosterIndex.has(peer)
        ? 'it was one before; the organisation comes back with a new key (member join)'
        : "have it added (member add), make a manifest that names it (manifest create --member), or use a member's key",
    ),
  ]
}
