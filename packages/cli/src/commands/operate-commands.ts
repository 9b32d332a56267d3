import type { Command } from 'commander'
import { multiaddrs, number, wholeNumber } from '../arguments.js'

const FOLDER = 'node folder or its configuration file'

/** Adds `tempered status`, `tempered doctor` and `tempered soak`; the file of each command is loaded when it is called. */
export function addOperateCommands(program: Command): void {
  program
    .command('status')
    .description(
      'Show what the node of a folder is doing: round, phase, whom it waits for, peers, ledger, disk. Exits with 10 if it does not run.',
    )
    .argument('[folder]', FOLDER, '.')
    .option('--watch [seconds]', 'show it again every so many seconds; default: 2', wholeNumber(1))
    .option('--json', 'one JSON document on stdout')
    .action(async (folder, options) => (await import('./status.js')).status(folder, options))
  program
    .command('relay')
    .description(
      'Be a relay for the members of a run who are behind routers, without being a member: prints its addresses for their `network.relays` (docs/networking.md). It cannot read what it passes on.',
    )
    .requiredOption('--manifest <file>', 'run manifest file; its members are served')
    .option('--key <file>', 'key file of the relay; made if it is not there', 'relay.key')
    .option('--network-key <file>', 'key of the private network that the run is in')
    .option(
      '--listen <multiaddr>',
      'address to listen on; repeatable; default: /ip4/0.0.0.0/tcp/4001',
      multiaddrs,
    )
    .option(
      '--announce <multiaddr>',
      'address under which members dial it, if it differs; repeatable',
      multiaddrs,
    )
    .option('--circuit-mb <n>', 'megabytes after which a connection that it passes on is closed', number)
    .option('--circuit-minutes <n>', 'minutes after which a connection that it passes on is closed', number)
    .action(async (options) => (await import('./relay.js')).relay(options))
  program
    .command('doctor')
    .description(
      'Examine a node folder and its node: configuration, key, state, data, disk, limits, clock, addresses, bootstrap, round. Changes nothing. Exits with 11 for warnings, 12 for problems.',
    )
    .argument('[folder]', FOLDER, '.')
    .option('--json', 'one JSON document on stdout')
    .action(async (folder, options) => (await import('./doctor.js')).doctor(folder, options))
  program
    .command('soak')
    .description(
      'Run real nodes on this machine for a while under faults and invalid operations drawn from a seed, and check that nothing is lost. Exits with 8 if something is.',
    )
    .option('--nodes <n>', 'nodes; half of them, rounded down, are disturbed', wholeNumber(4), 6)
    .option('--minutes <n>', 'duration', wholeNumber(1), 30)
    .option('--seed <n>', 'seed of faults and operations', wholeNumber(0), 1)
    .option('--out <folder>', 'folder for keys, states and logs', 'runs')
    .option('--json', 'one JSON document on stdout')
    .action(async (options) => (await import('./soak.js')).soak(options))
}
