import { CommanderError } from 'commander'
import { EXIT, exitCodeOf } from '../../src/exit-codes.js'
import { createProgram } from '../../src/program.js'
import { renderError } from '../../src/terminal/error-text.js'

/**
 * What `runCli` does, in this process: for what a test prepares and looks up with the command. Starting a process takes
 * a second, in which the command does nothing but load. One call after the other, since the working folder and the
 * output are the process's.
 */
export async function callCli(args: readonly string[], cwd: string) {
  const output = { stdout: '', stderr: '' }
  const undo: (() => void)[] = []
  for (const name of ['stdout', 'stderr'] as const) {
    const stream = process[name]
    const { write } = stream
    stream.write = ((chunk: string | Uint8Array, ...rest: unknown[]) => {
      output[name] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString()
      const done = rest.find((argument) => typeof argument === 'function')
      if (done !== undefined) process.nextTick(done as () => void)
      return true
    }) as typeof write
    undo.push(() => {
      stream.write = write
    })
  }
  const before = { folder: process.cwd(), exitCode: process.exitCode }
  undo.push(() => {
    process.chdir(before.folder)
    process.exitCode = before.exitCode
  })
  process.exitCode = undefined
  process.chdir(cwd)
  const program = createProgram()
  let code: number
  try {
    await program.parseAsync([...args], { from: 'user' })
    code = Number(process.exitCode ?? EXIT.ok)
  } catch (error) {
    if (error instanceof CommanderError) code = error.exitCode === 0 ? EXIT.ok : EXIT.usage
    else {
      output.stderr += `${renderError(error, false)}\n`
      code = exitCodeOf(error)
    }
  } finally {
    for (const step of undo) step()
  }
  return { code, stdout: output.stdout.replace(/\n$/, ''), stderr: output.stderr.replace(/\n$/, '') }
}
