import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where converted data sets are kept: `TEMPERED_CACHE`, else the user's cache folder (XDG base directories). */
export function cacheFolder(): string {
  const { TEMPERED_CACHE, XDG_CACHE_HOME } = process.env
  return TEMPERED_CACHE ?? join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'tempered')
}
