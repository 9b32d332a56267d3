/** The same work in NumPy, written the way Flower's strategies write it; run by the Python that is installed. */

import { spawnSync } from 'node:child_process'

/** Milliseconds a call. */
export interface NumpyTimes {
  readonly median: number
  readonly sortTrim: number
  readonly partitionTrim: number
  readonly krumDistances: number
  readonly mean: number
}

const SCRIPT = `
import json, sys, time
import numpy as np
n, d = int(sys.argv[1]), int(sys.argv[2])
X = (1 + np.random.default_rng(1).random((n, d), dtype=np.float32) / 8).astype(np.float32)
rows = [X[i].copy() for i in range(n)]
cut = n // 4
def best(f):
    f(); least = 1e9
    for _ in range(3):
        t = time.process_time(); calls = 0
        w = time.perf_counter()
        while time.perf_counter() - w < 0.06 or calls == 0:
            f(); calls += 1
        least = min(least, (time.process_time() - t) / calls)
    return 1000 * least
def sort_trim():
    return np.mean(np.sort(np.stack(rows), axis=0)[cut:n - cut], axis=0)
def partition_trim():
    return np.mean(np.partition(np.stack(rows), (cut, n - cut - 1), axis=0)[cut:n - cut], axis=0)
def krum():
    D = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            D[i, j] = np.linalg.norm(rows[i] - rows[j]) ** 2
    return D
out = dict(median=best(lambda: np.median(np.stack(rows), axis=0)), sortTrim=best(sort_trim),
           partitionTrim=best(partition_trim), krumDistances=best(krum),
           mean=best(lambda: np.mean(np.stack(rows), axis=0)))
print(json.dumps(out))
`

/** The times, or in words why there are none. One BLAS thread. */
export function numpyTimes(n: number, d: number): NumpyTimes | string {
  const probe = spawnSync('python3', ['-c', 'import numpy'], { encoding: 'utf8' })
  if (probe.error !== undefined) return 'absent, there is no python3'
  if (probe.status !== 0) return 'absent, python3 cannot import it'
  const env = { ...process.env, OPENBLAS_NUM_THREADS: '1', OMP_NUM_THREADS: '1', MKL_NUM_THREADS: '1' }
  const run = spawnSync('python3', ['-c', SCRIPT, String(n), String(d)], { encoding: 'utf8', env })
  return run.status === 0
    ? (JSON.parse(run.stdout) as NumpyTimes)
    : `failed: ${run.stderr.trim().slice(-200)}`
}
