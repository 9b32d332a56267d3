import { counted } from '@tempered/lab/text'
import { examine } from '../doctor/examine.js'
import { worstOf } from '../doctor/finding.js'
import { EXIT } from '../exit-codes.js'
import { doctorText } from '../terminal/doctor-text.js'

/** `tempered doctor`: prints what it finds; exit code 0, 11 with warnings, 12 with problems. */
export async function doctor(folder: string, { json = false }: { readonly json?: boolean }): Promise<void> {
  const findings = await examine(folder)
  const worst = worstOf(findings)
  if (json) process.stdout.write(`${JSON.stringify({ worst, findings })}\n`)
  else {
    const count = (level: string): number => findings.filter((one) => one.level === level).length
    process.stdout.write(
      `${doctorText(findings)}\n\n${counted(count('problem'), 'problem')}, ${counted(count('warning'), 'warning')}\n`,
    )
  }
  process.exitCode = worst === 'problem' ? EXIT.unhealthy : worst === 'warning' ? EXIT.doubtful : EXIT.ok
}
