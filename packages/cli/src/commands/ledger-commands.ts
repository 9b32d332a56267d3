import { type Command, Option } from 'commander'
import { backendOption, list, wholeNumber } from '../arguments.js'

const STATES = 'state folders, ledger files, or a results folder'

/** Adds `tempered ledger …`; the file of each command is loaded when it is called. */
export function addLedgerCommands(program: Command): void {
  const ledger = program
    .command('ledger')
    .description('The signed records of what nodes did: check them, replay them, prove them to others.')
  addReaders(ledger)
  addProvers(ledger)
}

function addReaders(ledger: Command): void {
  ledger
    .command('verify')
    .description(
      'Check every hash, link and signature, and compare ledgers with the final heads next to them; on a mismatch exit 6 and name the first bad entry.',
    )
    .argument('<state...>', STATES)
    .option('--json', 'verdicts as NDJSON on stdout')
    .action(async (paths, options) => (await import('./ledger-verify.js')).ledgerVerify(paths, options))
  ledger
    .command('show')
    .description('Print the rounds with verdicts and scores.')
    .argument('<state>', 'state folder or ledger file')
    .option('--round <n>', 'only this round, counted from 1', wholeNumber(1))
    .option('--json', 'entries as NDJSON on stdout, rounds counted from 0')
    .action(async (path, options) => (await import('./ledger-show.js')).ledgerShow(path, options))
  ledger
    .command('explain')
    .description(
      "Explain why a neighbour's model was accepted or rejected in a round, and what difference it made.",
    )
    .argument('<state>', 'state folder or ledger file')
    .requiredOption('--round <n>', 'the round, counted from 1', wholeNumber(1))
    .requiredOption('--peer <id>', 'peer id of the neighbour, or its last characters')
    .option('--blobs <folder>', 'more folders with models: blob, state or results folders; repeatable', list)
    .option('--data <source>', 'also measure the models on test samples: mnist, or a file or folder')
    .addOption(backendOption())
    .option('--json', 'one JSON object on stdout')
    .action(async (path, options) => (await import('./ledger-explain.js')).ledgerExplain(path, options))
  ledger
    .command('diff')
    .description(
      'Compare the ledgers of two nodes of the same run; exit 6 if a member signed contradicting statements.',
    )
    .argument('<stateA>', 'state folder or ledger file')
    .argument('<stateB>', 'state folder or ledger file')
    .option('--json', 'differences as NDJSON on stdout')
    .action(async (a, b, options) => (await import('./ledger-diff.js')).ledgerDiff(a, b, options))
  ledger
    .command('export')
    .description('Write a ledger in a format that other tools read.')
    .argument('<state>', 'state folder or ledger file')
    .addOption(
      new Option('--format <format>', 'DAG-JSON with one block per line, or CARv1')
        .choices(['ndjson', 'car'])
        .makeOptionMandatory(),
    )
    .option('--blobs', 'include the available models that its entries name (CAR only)')
    .option('--blobs-from <folder>', 'more folders with models, for --blobs; repeatable', list)
    .option('--out <file>', 'file to write; default: stdout')
    .action(async (path, options) => (await import('./ledger-export.js')).ledgerExport(path, options))
}

function addProvers(ledger: Command): void {
  ledger
    .command('replay')
    .description(
      'Recompute every verdict and aggregate and compare them bit for bit; exit 6 when something differs or a member provably signed contradicting statements, 7 when everything checked agrees but some rounds could not be checked.',
    )
    .argument('<state...>', STATES)
    .option('--blobs <folder>', 'more folders with models: blob, state or results folders; repeatable', list)
    .option('--round <n>', 'only this round, counted from 1', wholeNumber(1))
    .option('--proofs <folder>', 'write a proof file of each misdeed to this folder')
    .option('--allow-missing', 'exit 0 even if rounds could not be checked because blobs are missing')
    .option('--json', 'findings as NDJSON on stdout, rounds counted from 0')
    .action(async (paths, options) => (await import('./ledger-replay.js')).ledgerReplay(paths, options))
  ledger
    .command('prove')
    .description(
      "Write a compact proof that a round's entry is covered by a head that the members witnessed.",
    )
    .argument('<state>', 'state folder or ledger file')
    .option('--round <n>', 'prove the entry of this round, counted from 1', wholeNumber(1))
    .option('--since <proof>', 'prove that the ledger extends the one of an earlier proof')
    .option('--finals <state>', 'use the final heads of this state folder; default: those next to the ledger')
    .option(
      '--out <file>',
      'file to write; default: <node>-round-<n>-inclusion.car, or -since-entry-<n>-consistency.car',
    )
    .action(async (path, options) => (await import('./ledger-prove.js')).ledgerProve(path, options))
  ledger
    .command('check')
    .description(
      'Check proof files from their bytes alone and report what they prove; exit 6 unless all are valid.',
    )
    .argument('<proof...>', 'proof files of ledger prove or ledger replay')
    .option('--run <id>', 'the run that they must belong to')
    .option('--json', 'findings as NDJSON on stdout, rounds counted from 0')
    .action(async (files, options) => (await import('./ledger-check.js')).ledgerCheck(files, options))
}
