"""Loads an exported built-in cnn into PyTorch: python3 load_cnn.py <folder of `model export --format npz`>."""

import json
import sys
from collections import OrderedDict


def build(channels=1, classes=10, features=1250):
    """`features`: numbers per image behind the second pool, 1250 of images of 28x28."""
    from torch import nn

    # Modules are named after the task's layers; layers without parameters may have any other name.
    return nn.Sequential(
        OrderedDict(
            [
                ("0", nn.Conv2d(channels, 30, 3)),
                ("relu0", nn.ReLU()),
                ("1", nn.MaxPool2d(2)),
                ("2", nn.Conv2d(30, 50, 3)),
                ("relu2", nn.ReLU()),
                ("3", nn.MaxPool2d(2)),
                ("flatten", nn.Flatten()),
                ("4", nn.Linear(features, 100)),
                ("relu4", nn.ReLU()),
                ("5", nn.Linear(100, classes)),
            ]
        )
    )


if __name__ == "__main__":
    import numpy as np
    import torch

    with open(sys.argv[1] + "/model-card.json") as file:
        task = json.load(file)["task"]
    if task["model"] != "cnn":
        sys.exit("this is not the built-in cnn: the card has the model %s" % json.dumps(task["model"])[:200])
    arrays = np.load(sys.argv[1] + "/model.npz")
    tensors = {name: torch.tensor(arrays[name]) for name in arrays.files}
    model = build(tensors["0.weight"].shape[1], tensors["5.weight"].shape[0], tensors["4.weight"].shape[1])
    model.load_state_dict(tensors)
    model.eval()
    height, width, channels = task["input"]["shape"]
    print(model(torch.zeros(1, channels, height, width)))
