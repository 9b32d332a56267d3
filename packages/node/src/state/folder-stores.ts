import { join } from 'node:path'
import { LIMITS } from '@tempered/protocol'
import { makeFolder } from '@tempered/train'
import { openBlobStore } from '../blobs/store.js'
import { openChainStore } from '../chain/chain-store.js'
import { createInvitationFile, INVITATIONS_FILE } from '../epochs/used-invitations.js'
import { EVIDENCE_FILE, openEvidenceLog } from '../evidence/evidence-log.js'
import { BANS_FILE, createBanFile } from '../guard/bans.js'
import { openCarLog } from '../ledger/car-log.js'
import { openLedger } from '../ledger/ledger.js'
import { openPrivateStore, PRIVATE_FILE } from '../private/private-store.js'
import { FINALS_FILE, writeFinals } from '../witness/final-store.js'
import { openWitnessStore, WITNESS_FILE } from '../witness/witness-store.js'
import { ADDRESSES_FILE, createAddressFile } from './address-file.js'
import { lockState } from './state-lock.js'
import type { NodeStores } from './stores.js'

/** Copies of neighbours' ledgers are here, below the state folder. */
const PEERS_FOLDER = 'peers'

/** A state folder, created if missing and locked for this process. Throws E_STATE_IN_USE, E_IO. */
export async function openFolderStores(folder: string): Promise<NodeStores> {
  await makeFolder(join(folder, PEERS_FOLDER))
  const release = await lockState(folder)
  return {
    place: folder,
    openLedger: (run, author, visit) => openLedger(folder, run, author, visit),
    openEvidence: (run) => openEvidenceLog(join(folder, EVIDENCE_FILE), run),
    openBlobs: (budgetBytes) => openBlobStore(join(folder, 'blobs'), budgetBytes),
    openWitness: (run) => openWitnessStore(join(folder, WITNESS_FILE), run),
    openChain: (run) => openChainStore(folder, run),
    openPrivate: () => openPrivateStore(join(folder, PRIVATE_FILE)),
    saveFinals: (run, finals) => writeFinals(join(folder, FINALS_FILE), run, finals),
    async openLedgerCopy(run, peer, visit) {
      const path = join(folder, PEERS_FOLDER, `${peer}.car`)
      const { log } = await openCarLog(path, run.id, LIMITS.maxEntryBytes, ({ bytes }) =>
        visit(bytes.slice()),
      )
      return log
    },
    invitations: createInvitationFile(join(folder, INVITATIONS_FILE)),
    bans: createBanFile(join(folder, BANS_FILE)),
    addresses: createAddressFile(join(folder, ADDRESSES_FILE)),
    release,
  }
}
