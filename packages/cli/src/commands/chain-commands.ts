import type { Command } from 'commander'
import { list, wholeNumber } from '../arguments.js'

const MODULE = 'ES module with the architecture of the chain; repeatable'
const CHAIN = 'state folder, chain file, or a results folder'

/** Adds `tempered chain …`; the file of each command is loaded when it is called. */
export function addChainCommands(program: Command): void {
  const chain = program
    .command('chain')
    .description(
      'The common chain of a run that has one (docs/chain.md): check its blocks, show and replay them.',
    )
  chain
    .command('verify')
    .description(
      'Check every link, list, signature and proof of the blocks that nodes hold, and that no two nodes have different final blocks; on a mismatch exit 6 and name the first bad block.',
    )
    .argument('<state...>', CHAIN)
    .option('--module <file>', MODULE, list)
    .option('--json', 'verdicts as NDJSON on stdout')
    .action(async (paths, options) => (await import('./chain-verify.js')).chainVerify(paths, options))
  chain
    .command('show')
    .description('Print the blocks of the chain, oldest first.')
    .argument('<state>', CHAIN)
    .option('--height <n>', 'only this block, counted from 1', wholeNumber(1))
    .option('--module <file>', MODULE, list)
    .option('--json', 'blocks as NDJSON on stdout, rounds counted from 0')
    .action(async (path, options) => (await import('./chain-show.js')).chainShow(path, options))
  chain
    .command('replay')
    .description(
      'Compute the aggregate of every block again from the ledger of its author and the models in it; exit 6 when one differs, 7 when some cannot be checked.',
    )
    .argument('<folder...>', "results or state folders with the chain, its authors' ledgers, and models")
    .option('--blobs <folder>', 'more folders with models; repeatable', list)
    .option('--module <file>', MODULE, list)
    .option('--json', 'findings as NDJSON on stdout')
    .action(async (paths, options) => (await import('./chain-replay.js')).chainReplay(paths, options))
}
