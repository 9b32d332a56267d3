import { existsSync } from 'node:fs'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { backendOption, list, wholeNumber } from '../arguments.js'

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
    .argument('<state>', 'state folder, node folder or ledger file')
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
    .argument('<state>', 'state folder, node folder or ledger file')
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
}
