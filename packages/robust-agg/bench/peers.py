"""Times the aggregation formulas of Python peers, written in their style, on demand.

Reads one JSON object a line from standard input and answers each with one line:

  {"case": "np median", "n": 8, "d": 100000, "seconds": 0.1}  ->  {"ms": 18.2}   CPU milliseconds of one call, the least
  {"case": "np median", "n": 8, "d": 100000, "memory": true}  ->  {"bytes": …}   peak resident set over the inputs
  {"case": "np gram", "n": 8, "d": 100000, "error": true}     ->  {"error": 2e-4} largest relative error of a distance

The first line that it writes names what there is: {"python": …, "numpy": …, "torch": … or null, "cases": […]}.
Models are float32 rows of normal numbers around 1, kept as a list of vectors, as they come in from a network.
"""

import json
import os
import sys
import time

import numpy as np

try:
    import torch

    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
except Exception:  # pylint: disable=broad-except
    torch = None

STEPS = 8
CLIP_STEPS = 3
NU = 0.1


# NumPy, the way Flower's strategies are written: a list of arrays in, one array out.


def np_median(rows):
    return np.median(np.asarray(rows), axis=0)


def np_sort_trim(rows):
    cut = len(rows) // 4
    return np.mean(np.sort(np.asarray(rows), axis=0)[cut : len(rows) - cut], axis=0)


def np_partition_trim(rows):
    stacked = np.asarray(rows)
    cut = len(rows) // 4
    parted = np.partition(stacked, (cut, len(rows) - cut - 1), axis=0)
    return np.mean(parted[cut : len(rows) - cut], axis=0)


def np_krum_distances(rows):
    n = len(rows)
    squared = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            squared[i, j] = np.linalg.norm(rows[i] - rows[j]) ** 2
    return squared


def np_mean(rows):
    return np.mean(np.asarray(rows), axis=0)


def np_distances(rows):
    return [np.linalg.norm(rows[0] - x) for x in rows[1:]]


def np_geometric_median(rows):
    stacked = np.asarray(rows)
    point = np.zeros_like(rows[0])
    for _ in range(STEPS):
        weights = 1 / np.maximum(np.float32(NU), np.linalg.norm(stacked - point, axis=1))
        point = np.average(stacked, axis=0, weights=weights)
    return point


def np_centred_clipping(rows):
    stacked = np.asarray(rows)
    point = rows[0]
    for _ in range(CLIP_STEPS):
        steps = stacked - point
        factor = np.minimum(1, radius(rows) / np.maximum(np.linalg.norm(steps, axis=1), 1e-12))
        point = point + np.mean(steps * factor[:, None].astype(np.float32), axis=0)
    return point


def np_nnm(rows):
    stacked = np.asarray(rows)
    n = len(rows)
    squared = np_krum_distances(rows)
    keep = n - n // 4
    return np.stack([stacked[np.argpartition(squared[i], keep - 1)[:keep]].mean(axis=0) for i in range(n)])


def np_balance(rows):
    own = rows[0]
    near = [x for x in rows[1:] if np.linalg.norm(own - x) <= 10 * np.linalg.norm(own)]
    return 0.5 * own + 0.5 * np.mean(near, axis=0)


def np_clipped_gossip(rows):
    own = rows[0]
    total = np.zeros_like(own)
    for x in rows[1:]:
        step = x - own
        total += np.float32(min(1, radius(rows) / np.linalg.norm(step)) / len(rows)) * step
    return own + total


def np_mad_clipping(rows):
    stacked = np.asarray(rows)
    middle = np.median(stacked, axis=0)
    reach = 10 * np.median(np.abs(stacked - middle), axis=0)
    return np.clip(stacked, middle - reach, middle + reach)


def np_reputation(rows):
    own, previous, initial = rows[:3]
    way = own - initial
    length = np.linalg.norm(own - previous)
    steps = [x - previous for x in rows]
    cuts = [min(1, length / max(np.linalg.norm(step), 1e-12)) for step in steps]
    return [length * cut * (step @ way) / np.linalg.norm(way) for step, cut in zip(steps, cuts)]


def np_gram(rows):
    stacked = np.asarray(rows)
    products = stacked @ stacked.T
    squares = np.diag(products)
    return squares[:, None] + squares[None, :] - 2 * products


def np_read(rows):
    return [np.max(x) for x in rows]


# PyTorch, the way ByzFL's aggregators are written: one stacked tensor in.


def torch_median(rows):
    return rows.median(dim=0)[0]


def torch_sort_trim(rows):
    cut = len(rows) // 4
    return torch.sort(rows, dim=0)[0][cut : len(rows) - cut].mean(dim=0)


def torch_krum_distances(rows):
    return torch.cdist(rows, rows) ** 2


def torch_mean(rows):
    return rows.mean(dim=0)


def torch_geometric_median(rows):
    point = torch.zeros_like(rows[0])
    for _ in range(STEPS):
        weights = 1 / torch.clamp((rows - point).norm(dim=1), min=NU)
        point = (weights[:, None] * rows).sum(dim=0) / weights.sum()
    return point


def torch_centred_clipping(rows):
    point = rows[0]
    for _ in range(CLIP_STEPS):
        steps = rows - point
        factor = torch.clamp(radius(rows) / steps.norm(dim=1), max=1)
        point = point + (steps * factor[:, None]).mean(dim=0)
    return point


def torch_mad_clipping(rows):
    middle = rows.median(dim=0)[0]
    reach = 10 * (rows - middle).abs().median(dim=0)[0]
    return torch.minimum(torch.maximum(rows, middle - reach), middle + reach)


def torch_nnm(rows):
    n = len(rows)
    keep = n - n // 4
    nearest = torch.topk(torch.cdist(rows, rows), keep, largest=False)[1]
    return rows[nearest].mean(dim=1) if n * keep * rows.shape[1] < 4e8 else torch.stack(
        [rows[index].mean(dim=0) for index in nearest]
    )


def radius(rows):
    """Half of a typical distance between two models, so that about everything is clipped."""
    return 0.05 * len(rows[0]) ** 0.5


NUMPY_CASES = [
    np_median, np_sort_trim, np_partition_trim, np_krum_distances, np_mean, np_distances, np_geometric_median,
    np_centred_clipping, np_nnm, np_balance, np_clipped_gossip, np_mad_clipping,
    np_reputation, np_gram, np_read,
]  # fmt: skip
TORCH_CASES = [
    torch_median, torch_sort_trim, torch_krum_distances, torch_mean, torch_geometric_median, torch_centred_clipping,
    torch_nnm, torch_mad_clipping,
]  # fmt: skip
CASES = {f.__name__.replace("_", " ", 1): f for f in NUMPY_CASES + ([] if torch is None else TORCH_CASES)}

held = {}


def inputs(n, d, tensor):
    """The models of one size; those of the size before are dropped first."""
    if held.get("size") != (n, d):
        held.clear()
        rng = np.random.default_rng(1)
        held["size"] = (n, d)
        held["rows"] = [1 + 0.1 * rng.standard_normal(d, dtype=np.float32) for _ in range(n)]
    if not tensor:
        return held["rows"]
    if "tensor" not in held:
        held["tensor"] = torch.from_numpy(np.stack(held["rows"]))
        held["rows"] = list(held["tensor"].numpy())
    return held["tensor"]


def least_ms(run, seconds):
    """CPU time of one call, the least of the calls that fit into the time given; one at the least."""
    least = float("inf")
    end = time.perf_counter() + seconds
    while True:
        begun = time.process_time()
        run()
        least = min(least, time.process_time() - begun)
        if time.perf_counter() >= end:
            return 1000 * least


def resident(field):
    with open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith(field):
                return 1024 * int(line.split()[1])
    return 0


def peak_bytes(run):
    """Peak resident set of one call beyond what was resident before it. Linux only."""
    run()
    with open("/proc/self/clear_refs", "w", encoding="ascii") as reset:
        reset.write("5")
    before = resident("VmRSS")
    result = run()
    peak = resident("VmHWM") - before
    del result
    return peak


def gram_error(rows):
    exact = np.zeros((len(rows), len(rows)))
    for i, a in enumerate(rows):
        for j, b in enumerate(rows):
            step = a.astype(np.float64) - b
            exact[i, j] = step @ step
    off = ~np.eye(len(rows), dtype=bool)
    return float(np.max(np.abs(np_gram(rows) - exact)[off] / exact[off]))


def near_rows(rows, relative):
    """Models as they are late in a training: the first one, and others at a relative distance from it."""
    rng = np.random.default_rng(2)
    scale = np.float32(relative * np.linalg.norm(rows[0]) / len(rows[0]) ** 0.5)
    return [rows[0]] + [
        rows[0] + scale * rng.standard_normal(len(rows[0]), dtype=np.float32) for _ in rows[1:]
    ]


def answer(request):
    name = request["case"]
    if name not in CASES:
        return {"skip": "unknown case"}
    rows = inputs(request["n"], request["d"], name.startswith("torch"))
    if "error" in request:
        return {"error": gram_error(near_rows(rows, request["error"]))}
    if request.get("memory"):
        return {"bytes": peak_bytes(lambda: CASES[name](rows))}
    return {"ms": least_ms(lambda: CASES[name](rows), request["seconds"])}


def main():
    print(json.dumps({
        "python": sys.version.split()[0], "numpy": np.__version__, "torch": None if torch is None else torch.__version__,
        "cases": list(CASES), "pid": os.getpid(),
    }), flush=True)  # fmt: skip
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line))
        except MemoryError:
            reply = {"skip": "out of memory"}
        except Exception as problem:  # pylint: disable=broad-except
            reply = {"skip": f"{type(problem).__name__}: {problem}"[:200]}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
