import type { Command } from 'commander'
import { assignment, multiaddr, multiaddrs, roundsOrOpen, wholeNumber } from '../arguments.js'

/** Adds `tempered member …` and `tempered run …`; the file of each command is loaded when it is called. */
export function addMemberCommands(program: Command): void {
  const member = program
    .command('member')
    .description('Members of a run that goes on: invite, join, add, remove, new keys (docs/membership.md).')
  orOwner(
    member.command('list').description('Show the members of the run and its changes, decided and waiting.'),
  ).action(async (options) => (await import('./member-change.js')).memberList(options))
  member
    .command('invite')
    .description(
      'Print an invitation for one node: one line of text, with which `member join` asks this node.',
    )
    .option('--config <path>', CONFIG, '.')
    .option('--hours <n>', 'hours for which it can be used', wholeNumber(1), 72)
    .option(
      '--address <multiaddr>',
      'address at which this node is asked; repeatable; default: what it announces',
      multiaddrs,
    )
    .action(async (options) => (await import('./member-invite.js')).memberInvite(options))
  member
    .command('join')
    .description(
      'Ask with an invitation to be added to a run, wait until the members have decided, and write a node folder.',
    )
    .argument('<invitation>', 'the line, a file with it, or - for standard input')
    .requiredOption('--folder <folder>', 'node folder to write; a key in it is used')
    .option('--name <name>', 'name of the node in logs')
    .option('--listen <multiaddr>', 'address to listen on; repeatable', multiaddrs)
    .option('--network-key <file>', 'key of the private network that the run is in')
    .option('--no-wait', 'do not wait until it is decided')
    .action(async (invitation, options) => (await import('./member-join.js')).memberJoin(invitation, options))
  change(
    member
      .command('add')
      .description('Sign that a node be added; it is once enough members have.')
      .argument('<peer>', 'peer id of the node'),
  ).action(async (peer, options) => (await import('./member-change.js')).memberAdd(peer, options))
  change(
    member
      .command('remove')
      .description('Sign that a member be removed; its own signature does not count.')
      .argument('<peer>', PEER),
  ).action(async (peer, options) => (await import('./member-change.js')).memberRemove(peer, options))
  ownChange(
    member.command('leave').description('Leave the run; the nodes of the others sign that by themselves.'),
  ).action(async (options) => (await import('./member-change.js')).memberLeave(options))
  ownChange(
    member
      .command('rotate')
      .description(
        'Give this node a new key, proven by the old one, which the nodes of the others sign by themselves; a node that runs goes over to it.',
      ),
  ).action(async (options) => (await import('./member-change.js')).memberRotate(options))
  change(
    member
      .command('replace')
      .description(
        'Sign that a member whose key is lost or stolen have another one; its own signature does not count.',
      )
      .argument('<peer>', PEER)
      .requiredOption('--by <peer>', 'peer id of the new key'),
  ).action(async (peer, options) => (await import('./member-change.js')).memberReplace(peer, options))
  orOwner(
    member
      .command('approve')
      .description('Sign a change that waits for signatures.')
      .argument('<change>', 'CID of the change, or its last characters'),
  ).action(async (id, options) => (await import('./member-change.js')).memberApprove(id, options))
  const run = program.command('run').description('The run of a node while it goes on (docs/membership.md).')
  change(
    run
      .command('extend')
      .description('Sign that the run have another number of rounds, or other deadlines.')
      .option('--rounds <n>', 'rounds in all, or open for no end', roundsOrOpen)
      .option(
        '--deadline <name=ms>',
        'deadline of the manifest in milliseconds, e.g. collectMs=30000; repeatable',
        assignment,
      ),
  ).action(async (options) => (await import('./member-change.js')).runExtend(options))
}

const CONFIG = 'node folder or its configuration file'
const PEER = 'peer id of the member, or its last characters'

const onNode = (command: Command): Command =>
  command.option('--config <path>', CONFIG, '.').option('--json', 'one JSON document on stdout')

/** For owners who run no node. */
const orOwner = (command: Command): Command =>
  onNode(command)
    .option('--to <multiaddr>', 'for an owner who runs no node: address of a member to ask', multiaddr)
    .option('--key <file>', "with --to: the owner's key file")
    .option('--manifest <file>', 'with --to: run manifest file')
    .option('--network-key <file>', 'with --to: key of the private network')

const change = (command: Command): Command => fromRound(orOwner(command))

const ownChange = (command: Command): Command => fromRound(onNode(command))

const fromRound = (command: Command): Command =>
  command.option(
    '--from <round>',
    'round from which it holds, counted from 1; default: in three rounds',
    wholeNumber(1),
  )
