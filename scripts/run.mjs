// `npm start` and `npm run tempered -- …`: set up what is missing, then run the command in this very process.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root, setup } from './setup.mjs'

await setup()
const main = join(root, 'packages', 'cli', 'dist', 'main.js')
process.argv[1] = main
// Converted data stays inside the checkout.
process.env.TEMPERED_CACHE ??= join(root, '.cache')
await import(pathToFileURL(main))
