import { encodeModel } from '@tempered/protocol'
import { givenModel, type MachineSet } from './machine-set.js'

/** Claim with `manifest.initial`, provided by users where the model is too large for ConfigMaps. */
export const MODEL_CLAIM = 'tempered-model'

/**
 * Bytes of a model in one ConfigMap. `kubectl apply` keeps each object in base64 in an annotation, which may have 256 KiB.
 */
const PART_BYTES = 160 * 1024
/** ConfigMaps for one model: 5 MiB. */
const MOST_PARTS = 32

/** How pods get the model that the run begins with. */
export interface KubernetesModel {
  /** ConfigMaps with its parts; none where users provide a claim. */
  readonly objects: readonly object[]
  /** Volume that the init container mounts at `mountPath`. */
  readonly volume: { readonly name: string; readonly [kind: string]: unknown }
  readonly mountPath: string
  /** Shell command that puts the model beside the manifest. */
  readonly command: string
}

/** Undefined for a run whose seed draws the model. */
export function kubernetesModel({ plan }: MachineSet, namespace: string): KubernetesModel | undefined {
  const parameters = givenModel(plan)
  if (parameters === undefined) return undefined
  const bytes = encodeModel(parameters)
  const name = 'initial'
  const mountPath = '/files/initial'
  const shared = { mountPath, command: `cat ${mountPath}/* > /host/manifest.initial` }
  if (isTooLarge(bytes.length)) {
    const volume = { name, persistentVolumeClaim: { claimName: MODEL_CLAIM, readOnly: true } }
    return { objects: [], volume, mountPath, command: `cp ${mountPath}/manifest.initial /host/` }
  }
  const parts = Array.from({ length: Math.ceil(bytes.length / PART_BYTES) }, (_, k) => {
    // The shell lists them in this order.
    const file = `part-${String(k).padStart(2, '0')}`
    return { file, map: `initial-${file}`, bytes: bytes.subarray(k * PART_BYTES, (k + 1) * PART_BYTES) }
  })
  return {
    ...shared,
    objects: parts.map(({ file, map, bytes: part }) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: map, namespace },
      binaryData: { [file]: Buffer.from(part).toString('base64') },
    })),
    volume: {
      name,
      projected: {
        sources: parts.map(({ file, map }) => ({
          configMap: { name: map, items: [{ key: file, path: file }] },
        })),
      },
    },
  }
}

/** Whether users have to provide {@link MODEL_CLAIM}. */
export function needsModelClaim({ plan }: MachineSet): boolean {
  const parameters = givenModel(plan)
  return parameters !== undefined && isTooLarge(4 * parameters.length)
}

function isTooLarge(bytes: number): boolean {
  return bytes > MOST_PARTS * PART_BYTES
}
