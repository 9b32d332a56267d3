import { nearestName } from '@tempered/errors'
import type { Command } from 'commander'

/** `--help` after a command that does not exist is an error, not the general help. */
export function refuseUnknownCommand(command: Command): void {
  const words = command.args[0] === 'help' ? command.args.slice(1) : command.args
  const [name] = words
  if (name === undefined || name.startsWith('-') || command.commands.length === 0) return
  if (command.commands.some((known) => known.name() === name || known.aliases().includes(name))) return
  const near = nearestCommand(command, words)
  const hint = near === undefined ? '' : `; did you mean \`${near}\`?`
  command.error(`error: unknown command '${name}'${hint}`, { code: 'commander.unknownCommand', exitCode: 2 })
}

/** The command of this name in another group (`model export` → `ledger export`), or the one most like it here. */
function nearestCommand(command: Command, words: readonly string[]): string | undefined {
  let root = command
  while (root.parent !== null) root = root.parent
  const elsewhere = root.commands
    .flatMap((group) => group.commands)
    .find((known) => words.slice(0, 2).includes(known.name()))
  if (elsewhere !== undefined) return fullName(elsewhere)
  const near = nearestName(
    words[0]!,
    command.commands.map((known) => known.name()),
  )
  return near === undefined ? undefined : `${fullName(command)} ${near}`
}

/** `tempered ledger verify`. */
export function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`
}
