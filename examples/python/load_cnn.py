"""Loads an exported built-in cnn into PyTorch: python3 load_cnn.py <folder of `model export --format npz`>."""

import sys
from collections import OrderedDict


def build(channels=1, classes=10):
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
                ("4", nn.Linear(1250, 100)),
                ("relu4", nn.ReLU()),
                ("5", nn.Linear(100, classes)),
            ]
        )
    )


if __name__ == "__main__":
    import numpy as np
    import torch

    tensors = np.load(sys.argv[1] + "/model.npz")
    model = build()
    model.load_state_dict({name: torch.tensor(tensors[name]) for name in tensors.files})
    print(model(torch.zeros(1, 1, 28, 28)))
