import { counted } from '@tempered/lab/text'
import type { BackupContents } from '../backup/contents.js'
import { readBackup } from '../backup/read-backup.js'
import { writeBackup } from '../backup/write-backup.js'
import { loadNodeConfig } from '../config/node-config.js'

/** `tempered node backup`: key, configuration, manifest and state in one file; the node must not run. */
export async function nodeBackup(folder: string, file: string): Promise<void> {
  const contents = await writeBackup(await loadNodeConfig(folder), file)
  process.stderr.write(
    `${file}: ${counted(contents.files.length, 'file')} of ${contents.peer}, ${progressText(contents)}\n` +
      'keep it secret: it holds the private key. It is of use only until the node goes on (docs/operating.md)\n',
  )
}

/** `tempered node restore`: a new node folder from a backup. */
export async function nodeRestore(file: string, folder: string): Promise<void> {
  const contents = await readBackup(file, folder)
  process.stdout.write(`${contents.peer}\n`)
  process.stderr.write(
    `restored ${counted(contents.files.length, 'file')} into ${folder}: ${progressText(contents)}, as of ${contents.madeAt}\n${warningText(contents)}\n` +
      `next: tempered doctor ${folder}   then: tempered node start --config ${folder}\n`,
  )
}

function progressText({ entries, lastRound }: BackupContents): string {
  return lastRound === null
    ? 'no rounds yet'
    : `${counted(entries, 'entry', 'entries')} up to round ${lastRound}`
}

/** Two copies of a key that both sign are convicted of it. */
function warningText({ lastRound }: BackupContents): string {
  const twice = 'warning: never let two copies of this node run: whatever both sign convicts its key.'
  if (lastRound === null) return twice
  return `${twice} If it has gone on after this backup, do not start it in this run: the others remember its newer entries, and it would end with E_ROLLED_BACK.`
}
