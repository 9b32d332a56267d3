import { accessSync, constants, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Browser, launch, type Page } from 'puppeteer-core'

/** Screenshots are kept here; git ignores it. */
export const ARTEFACTS = fileURLToPath(new URL('../../../../artifacts', import.meta.url))

const CANDIDATES = [
  process.env.TEMPERED_CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome-stable',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

/** Path of a Chromium on this machine, or undefined. */
export function findChromium(): string | undefined {
  return CANDIDATES.find((path) => {
    if (path === undefined) return false
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

export function launchChromium(executablePath: string): Promise<Browser> {
  mkdirSync(ARTEFACTS, { recursive: true })
  // Root has no sandbox for Chromium; the pages are our own. Containers have a small /dev/shm.
  return launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'], timeout: 120_000 })
}

export interface WatchedPage {
  readonly page: Page
  /** Errors and warnings of the console, exceptions, requests that left the file: all must stay empty. */
  readonly troubles: string[]
}

/** Opens a file and writes down all that a page that keeps to itself does not do. */
export async function openFile(
  browser: Browser,
  file: string,
  view: { width: number; scheme?: 'light' | 'dark' },
): Promise<WatchedPage> {
  const page = await browser.newPage()
  page.setDefaultTimeout(600_000)
  const troubles: string[] = []
  page.on('console', (message) => {
    if (['error', 'warn'].includes(message.type())) troubles.push(`console: ${message.text()}`)
  })
  page.on('pageerror', (error) =>
    troubles.push(`exception: ${error instanceof Error ? error.message : error}`),
  )
  const url = `file://${file}`
  await page.setRequestInterception(true)
  page.on('request', (request) => {
    if (request.url() === url || request.url().startsWith('data:')) {
      void request.continue()
      return
    }
    troubles.push(`request: ${request.url()}`)
    void request.abort()
  })
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: view.scheme ?? 'light' }])
  await page.setViewport({ width: view.width, height: 900 })
  await page.goto(url, { waitUntil: 'load' })
  // The page in full height, so that nothing has to be scrolled to be seen.
  const height = (await page.evaluate('document.documentElement.scrollHeight')) as number
  await page.setViewport({ width: view.width, height })
  return { page, troubles }
}

/** A picture of an element, or of the page, as PNG in base64. */
export async function picture(page: Page, selector?: string): Promise<string> {
  const options = { encoding: 'base64', captureBeyondViewport: false } as const
  if (selector === undefined) return page.screenshot(options)
  const element = await page.$(selector)
  if (element === null) throw new Error(`no element ${selector}`)
  return element.screenshot(options)
}

export async function keepPicture(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(ARTEFACTS, `${name}.png`), captureBeyondViewport: false })
}

export interface Pixels {
  /** Different colours in it. */
  readonly colors: number
  /** Share in [0, 1] of pixels of another colour than the most frequent. */
  readonly drawn: number
}

/** Counts pixels of a PNG; the browser decodes it, on a page of its own. */
export async function countPixels(browser: Browser, png: string): Promise<Pixels> {
  return onBlankPage(
    browser,
    `
    const { data } = await pixels(${JSON.stringify(png)});
    const counts = new Map();
    for (let k = 0; k < data.length; k += 4) {
      const color = (data[k] << 16) | (data[k + 1] << 8) | data[k + 2];
      counts.set(color, (counts.get(color) ?? 0) + 1);
    }
    return { colors: counts.size, drawn: 1 - Math.max(...counts.values()) / (data.length / 4) };
  `,
  ) as Promise<Pixels>
}

/** Share in [0, 1] of pixels that differ between two PNGs; 1 when their sizes do. */
export async function difference(browser: Browser, a: string, b: string): Promise<number> {
  return onBlankPage(
    browser,
    `
    const [one, two] = await Promise.all([pixels(${JSON.stringify(a)}), pixels(${JSON.stringify(b)})]);
    if (one.width !== two.width || one.height !== two.height) return 1;
    let differing = 0;
    for (let k = 0; k < one.data.length; k += 4)
      if (one.data[k] !== two.data[k] || one.data[k + 1] !== two.data[k + 1] || one.data[k + 2] !== two.data[k + 2]) differing++;
    return differing / (one.data.length / 4);
  `,
  ) as Promise<number>
}

/** One for all counts, in a window of its own, so that the page which is looked at stays in front of its. */
const blankPages = new WeakMap<Browser, Promise<Page>>()

async function onBlankPage(browser: Browser, body: string): Promise<unknown> {
  const opened = blankPages.get(browser) ?? browser.createBrowserContext().then((window) => window.newPage())
  blankPages.set(browser, opened)
  const page = await opened
  return page.evaluate(`(async () => {
      const pixels = async (base64) => {
        const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
        const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
        const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
        const context = canvas.getContext('2d');
        context.drawImage(bitmap, 0, 0);
        return context.getImageData(0, 0, bitmap.width, bitmap.height);
      };
      ${body}
    })()`)
}
