import { type Command, Option } from 'commander'
import { list, wholeNumber } from '../arguments.js'

/** Adds `tempered model …`; the file of each command is loaded when it is called. */
export function addModelCommands(program: Command): void {
  const model = program
    .command('model')
    .description('Trained models: take them out of a run, and compare them.')
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
