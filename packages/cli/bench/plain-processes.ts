/**
 * Runs `task` while child processes start without the TypeScript loader of this one. They run compiled files, and
 * the loader would more than double the time that they take to load them.
 */
export async function withPlainProcesses<T>(task: () => Promise<T>): Promise<T> {
  const own = process.execArgv
  process.execArgv = []
  try {
    return await task()
  } finally {
    process.execArgv = own
  }
}
