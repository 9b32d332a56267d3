import { LIMITS } from '@tempered/protocol'
import { z } from 'zod'
import { errorMessage } from '../errors.js'
import { readTextIfThere, writeFileAtomic } from '../files.js'
import type { Logger } from '../logger.js'
import {
  type AddressBook,
  createAddressBook,
  dialable,
  type LastingAddresses,
} from '../transport/address-book.js'

/**
 * Keeps addresses of members over restarts: a node that comes back finds those that it knew, whatever its bootstrap
 * peers say, and also when these are gone.
 */
export interface AddressStore {
  load(): Promise<unknown>
  save(addresses: readonly LastingAddresses[]): Promise<void>
}

export const ADDRESSES_FILE = 'addresses.json'

const addressList = z.array(z.string().max(256)).max(LIMITS.maxAddressesPerPeer)
const schema = z
  .array(z.strictObject({ peer: z.string().max(128), reached: addressList, own: addressList }))
  .max(LIMITS.maxMembers)

/** A file, written whole or not at all. */
export function createAddressFile(path: string): AddressStore {
  return {
    async load() {
      const text = await readTextIfThere(path)
      return text === undefined ? [] : JSON.parse(text)
    },
    save: (addresses) => writeFileAtomic(path, `${JSON.stringify(addresses, null, 1)}\n`),
  }
}

export const forgetfulAddressStore: AddressStore = { load: async () => [], save: async () => undefined }

export interface StoredAddressBook {
  readonly book: AddressBook
  /** Resolves when all that is worth keeping is written, or could not be. */
  saved(): Promise<void>
}

/**
 * The addresses of an earlier start, and from then on what is worth keeping of the new ones. A file that cannot be read
 * or written costs addresses, not the node.
 */
export async function openAddressBook(
  store: AddressStore,
  isMember: (peer: string) => boolean,
  logger: Logger,
): Promise<StoredAddressBook> {
  const book = createAddressBook(isMember, await read(store, logger))
  let saving: Promise<void> | undefined
  let isStale = false
  const save = async (): Promise<void> => {
    while (isStale) {
      isStale = false
      await store
        .save(book.lasting())
        .catch((error) =>
          logger.warn({ err: error }, `addresses of members could not be written: ${errorMessage(error)}`),
        )
    }
    saving = undefined
  }
  book.onLasting(() => {
    isStale = true
    saving ??= save()
  })
  return { book, saved: async () => saving }
}

async function read(store: AddressStore, logger: Logger): Promise<LastingAddresses[]> {
  try {
    return schema.parse(await store.load()).map(({ peer, reached, own }) => ({
      ...{ peer, reached: dialable(reached), own: dialable(own) },
    }))
  } catch (error) {
    logger.warn(
      { err: error },
      `addresses of members of an earlier start cannot be used, so this node finds them anew: ${errorMessage(error)}`,
    )
    return []
  }
}
