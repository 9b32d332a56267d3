import { type Command, Option } from 'commander'
import { namedParameters, number, wholeNumber } from '../arguments.js'

/** What hides the models of the members of a run, and what their models say about samples. */
export function addPrivacyOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--privacy <mode>',
        'members hide their models in groups, and only sums are seen: shares filters models by their distances, masks is cheap and filters nothing; see docs/privacy.md (default: none)',
      ).choices(['shares', 'masks']),
    )
    .option(
      '--privacy-threshold <t>',
      'with --privacy: so many members together learn no model; default: a quarter of the other members of a group',
      wholeNumber(1),
    )
    .option(
      '--privacy-group <g>',
      'with --privacy: members of a group at least; default: 10, or all if there are fewer',
      wholeNumber(3),
    )
    .option(
      '--privacy-range <R>',
      'with --privacy: how far a model may be from the initial one, as L2 length; default: 16',
      number,
    )
    .option(
      '--privacy-rule <name:p=n,…>',
      'with --privacy shares: rule that weighs models by their distances, e.g. nearest:f=2; default: multi-krum',
      namedParameters,
    )
    .addOption(
      new Option(
        '--dp-on <what>',
        'differential privacy: clip and add noise to the gradient of each sample, or to each update; see docs/differential-privacy.md',
      ).choices(['sample', 'update']),
    )
    .option('--dp-clip <x>', 'largest L2 length of one gradient or update', number)
    .option('--dp-noise <x>', 'standard deviation of the noise, in units of the clip', number)
    .option(
      '--dp-epsilon <x>',
      'epsilon after the last round, instead of --dp-noise, which then follows',
      number,
    )
    .option('--dp-delta <x>', 'the chance that epsilon does not hold', number)
    .option(
      '--dp-samples <n>',
      'fewest training samples of a member, for --dp-epsilon with --dp-on sample',
      wholeNumber(1),
    )
}
