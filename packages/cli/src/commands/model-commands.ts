import { existsSync } from 'node:fs'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { backendOption, list, multiaddrs, peerMultiaddrs, wholeNumber } from '../arguments.js'

/** A share such as `0.2`, or else a path. */
function testSource(text: string): string | number {
  const share = Number(text)
  if (share > 0 && share < 1) return share
  if (!Number.isNaN(share) && !existsSync(text))
    throw new InvalidArgumentError('must be a file, a folder, or a share above 0 and below 1')
  return text
}

/** Adds `tempered model …`; the file of each command is loaded when it is called. */
export function addModelCommands(program: Command): void {
  const model = program
    .command('model')
    .description('Trained models: take them out of a run, measure, use and compare them.')
  const round = () =>
    new Option(
      '--round <n>',
      "round whose aggregate is meant, counted from 1; default: the ledger's last",
    ).argParser(wholeNumber(1))
  model
    .command('export')
    .description(
      'Write a model with a model card, in a format that PyTorch, NumPy, ONNX or tfjs programs read.',
    )
    .argument('<state>', 'state folder, node folder or ledger file')
    .addOption(round())
    .addOption(
      new Option('--format <format>', 'file format')
        .choices(['safetensors', 'npz', 'onnx', 'tfjs'])
        .default('safetensors'),
    )
    .option('--out <folder>', 'folder to write; default: <node>-round-<n>')
    .option('--licence <text>', 'licence of the model, for its card', 'not stated')
    .option('--blobs <folder>', 'more folders with models: blob, state or results folders; repeatable', list)
    .action(async (path, options) => (await import('./model-export.js')).modelExport(path, options))
  model
    .command('eval')
    .description(
      'Measure a model on all samples of a data source, or on its own test samples if it has some.',
    )
    .argument('<state>', 'state folder, node folder, ledger file, or folder of `job post`')
    .requiredOption(
      '--data <source>',
      'file or folder with samples, or mnist; a file without test samples of its own is measured as a whole',
    )
    .option(
      '--test <source>',
      'measure on this file or folder instead, or on a share of --data in (0, 1), drawn as nodes draw theirs',
      testSource,
    )
    .addOption(round())
    .addOption(backendOption())
    .option('--blobs <folder>', 'more folders with models; repeatable', list)
    .option('--json', 'one JSON object on stdout')
    .action(async (path, options) => (await import('./model-eval.js')).modelEval(path, options))
  model
    .command('predict')
    .description(
      'Print what a model says of each sample of a source, one JSON object per line; probabilities by the name of their class.',
    )
    .argument('<state>', 'state folder, node folder, ledger file, or folder of `job post`')
    .requiredOption('--data <source>', 'file or folder with samples; tables need no column of labels')
    .addOption(round())
    .addOption(backendOption())
    .option('--blobs <folder>', 'more folders with models; repeatable', list)
    .action(async (path, options) => (await import('./model-predict.js')).modelPredict(path, options))
  model
    .command('diff')
    .description('Compare two models of a run tensor by tensor.')
    .argument('<stateA>', 'state folder, node folder or ledger file')
    .argument('<stateB>', 'the same of another node, or the same node again for another round')
    .addOption(round())
    .option('--round-b <n>', 'round of the second model; default: that of the first', wholeNumber(1))
    .option('--blobs <folder>', 'more folders with models; repeatable', list)
    .option('--json', 'one JSON object on stdout')
    .action(async (a, b, options) => (await import('./model-diff.js')).modelDiff(a, b, options))
  model
    .command('publish')
    .description(
      'Serve a final model with its card and proof to IPFS peers by bitswap, until Ctrl-C; prints CIDs and addresses.',
    )
    .argument('<state>', 'state folder, node folder or ledger file')
    .addOption(round())
    .option(
      '--listen <multiaddr>',
      'address to listen on; repeatable; default: /ip4/127.0.0.1/tcp/0 (only this machine, random port)',
      multiaddrs,
    )
    .option(
      '--bootstrap <multiaddr>',
      'IPFS peer to connect to, which can then fetch from this one; repeatable; no others are dialled',
      peerMultiaddrs,
    )
    .option(
      '--key <file>',
      'key file of the peer id to serve under, created if missing; default: a new peer id',
    )
    .option('--unproven', 'serve a model whose entry is not final, without a proof')
    .option('--licence <text>', 'licence of the model, for its card', 'not stated')
    .option('--blobs <folder>', 'more folders with models: blob, state or results folders; repeatable', list)
    .action(async (path, options) => (await import('./model-publish.js')).modelPublish(path, options))
  model
    .command('fetch')
    .description('Fetch a model from IPFS peers by bitswap, verify all of it, and write it to a file.')
    .argument('<cid>', 'CID of a model, of a file with a model, or of a folder served by `model publish`')
    .requiredOption('--from <multiaddr>', 'IPFS peer that has the model; repeatable', peerMultiaddrs)
    .option('--out <path>', 'file to write, or folder to create for a folder; default: the CID')
    .option('--model <cid>', 'hash of the model that the file or folder must contain')
    .option('--run <id>', 'run that the proof in the folder must belong to')
    .addOption(
      new Option('--timeout <seconds>', 'time to wait for the next block of a peer')
        .argParser(wholeNumber(1))
        .default(30),
    )
    .action(async (cid, options) => (await import('./model-fetch.js')).modelFetch(cid, options))
}
