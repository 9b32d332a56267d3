import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { html, jsonForScript, type Markup, trusted } from './markup.js'

/** The parts that differ between pages. */
export interface PageInit {
  readonly title: string
  readonly body: Markup
  /** Read by the client from the element `report-data`. */
  readonly data: unknown
  /** Script of `client/` that draws the page's charts and handles its controls. */
  readonly entry: 'scenario-page.js' | 'matrix-page.js'
}

/** Scripts and style sheet from the build; the same folder from `dist/` and from `src/`. */
const ASSETS = fileURLToPath(new URL('../dist/assets/', import.meta.url))

/**
 * One HTML file with everything in it. Its content security policy allows only its own two scripts, by their hashes,
 * and no requests, so that neither text from a run nor a bug of ours can fetch anything.
 */
export async function renderPage(init: PageInit): Promise<string> {
  const style = await readFile(join(ASSETS, 'report.css'), 'utf8')
  const scripts = [await echartsScript(), await clientScript(init.entry)]
  const hashes = scripts.map((script) => `'sha256-${createHash('sha256').update(script).digest('base64')}'`)
  const policy = [
    `default-src 'none'`,
    `script-src ${hashes.join(' ')}`,
    `style-src 'unsafe-inline'`,
    `img-src data: blob:`,
    `base-uri 'none'`,
    `form-action 'none'`,
  ].join('; ')
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>${init.title}</title>
<style>${trusted(style)}</style>
</head>
<body>
${init.body}
<script type="application/json" id="report-data">${jsonForScript(init.data)}</script>
${scripts.map((script) => html`<script>${trusted(script)}</script>`)}
</body>
</html>
`.markup
}

async function echartsScript(): Promise<string> {
  const path = createRequire(import.meta.url).resolve('echarts/dist/echarts.min.js')
  return inlineable(await readFile(path, 'utf8'), path)
}

async function clientScript(entry: string): Promise<string> {
  return inlineable(await readFile(join(ASSETS, entry), 'utf8'), entry)
}

/** A script must not contain the end of a script element. */
function inlineable(script: string, name: string): string {
  if (/<\/script|<!--/i.test(script))
    throw new Error(`${name} cannot be inlined: it contains the end of a script element`)
  return script
}
