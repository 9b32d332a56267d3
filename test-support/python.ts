import { spawnSync } from 'node:child_process'

/**
 * A Python 3 with these modules: that of TEMPERED_PYTHON, of the path, or of the system; undefined where there is none.
 * Tests that need one are skipped then.
 */
export function pythonWith(...modules: string[]): string | undefined {
  const code = ['sys', ...modules].map((name) => `import ${name}`).join('; ')
  return [process.env.TEMPERED_PYTHON, 'python3', '/usr/bin/python3'].find(
    (python): python is string =>
      python !== undefined && spawnSync(python, ['-c', code], { stdio: 'ignore' }).status === 0,
  )
}
