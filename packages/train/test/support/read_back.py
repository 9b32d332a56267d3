"""Reads exported models back with other people's code. Prints JSON: what was found, or the largest difference."""

import json
import sys

import numpy as np


def inputs(folder):
    meta = json.load(open(folder + "/case.json"))
    dtype = "<i4" if meta["inputType"] == "int32" else "<f4"
    x = np.fromfile(folder + "/inputs.bin", dtype).reshape([-1] + meta["input"])
    y = np.fromfile(folder + "/outputs.bin", "<f4").reshape([-1] + meta["output"])
    return x, y


def onnx(folder):
    import onnxruntime

    x, y = inputs(folder)
    session = onnxruntime.InferenceSession(folder + "/model.onnx")
    z = session.run(None, {"input": x})[0]
    return {"difference": float(np.abs(z - y).max() / max(1.0, np.abs(y).max())), "shape": list(z.shape)}


def tensors(folder):
    from safetensors.numpy import load_file

    a, b = load_file(folder + "/model.safetensors"), np.load(folder + "/model.npz")
    same = sorted(a) == sorted(b.files) and all(np.array_equal(a[name], b[name]) for name in a)
    return {"same": bool(same), "shapes": {name: list(a[name].shape) for name in a}}


def npz(folder):
    b = np.load(folder + "/model.npz")
    return {"shapes": {name: list(b[name].shape) for name in b.files}, "sum": float(sum(b[n].astype("f8").sum() for n in b.files))}


def torch(folder):
    """The built-in cnn, as examples/python/load_cnn.py builds it."""
    import torch as t

    sys.path.insert(0, sys.argv[3])
    from load_cnn import build

    x, y = inputs(folder)
    model = build()
    b = np.load(folder + "/model.npz")
    model.load_state_dict({name: t.tensor(b[name]) for name in b.files})
    z = model(t.tensor(x.transpose(0, 3, 1, 2).copy())).detach().numpy()
    return {"difference": float(np.abs(z - y).max())}


print(json.dumps({"onnx": onnx, "tensors": tensors, "npz": npz, "torch": torch}[sys.argv[1]](sys.argv[2])))
