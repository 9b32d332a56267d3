"""Training steps of the built-in models in PyTorch, on one thread, for engines.bench.ts.

Commands on standard input, one answer each: `blas`, `open <model> <inputs>` (float32, base64), `run <steps>` (prints the best step in seconds).
"""

import base64
import re
import sys
import time

import numpy
import torch
from torch import nn
from torch.nn import functional

torch.set_num_threads(1)
BATCH = 32


class Same(nn.Module):
    """A convolution with padding `same`: what is missing, the smaller half first."""

    def __init__(self, inputs, filters, kernel, stride):
        super().__init__()
        self.conv = nn.Conv2d(inputs, filters, kernel, stride, padding=0 if stride > 1 else kernel // 2, bias=False)
        self.pads = stride > 1 and kernel > 1

    def forward(self, x):
        return self.conv(functional.pad(x, (0, 1, 0, 1)) if self.pads else x)


class Residual(nn.Module):
    def __init__(self, inputs, filters, stride):
        super().__init__()
        self.body = nn.Sequential(
            Same(inputs, filters, 3, stride),
            nn.GroupNorm(8, filters),
            nn.ReLU(),
            Same(filters, filters, 3, 1),
            nn.GroupNorm(8, filters),
        )
        self.shortcut = Same(inputs, filters, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x):
        return functional.relu(self.body(x) + self.shortcut(x))


class LstmText(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(1000, 32)
        self.lstm = nn.LSTM(32, 64, batch_first=True)
        self.dense = nn.Linear(64, 10)

    def forward(self, tokens):
        return self.dense(self.lstm(self.embedding(tokens))[0][:, -1])


def create(name, floats):
    def images(height, channels):
        return torch.from_numpy(floats.reshape(BATCH, channels, height, height))

    if name == 'softmax':
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), images(28, 1)
    if name == 'mlp':
        layers = [nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10)]
        return nn.Sequential(nn.Flatten(), *layers), images(28, 1)
    if name == 'cnn':
        layers = [nn.Conv2d(1, 30, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(30, 50, 3), nn.ReLU(), nn.MaxPool2d(2)]
        head = [nn.Flatten(), nn.Linear(1250, 100), nn.ReLU(), nn.Linear(100, 10)]
        return nn.Sequential(*layers, *head), images(28, 1)
    if name == 'resnet8':
        blocks = [Residual(16, 16, 1), Residual(16, 32, 2), Residual(32, 64, 2)]
        head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
        return nn.Sequential(Same(3, 16, 3, 1), nn.GroupNorm(8, 16), nn.ReLU(), *blocks, *head), images(32, 3)
    if name == 'tabular-mlp':
        layers = [nn.Linear(32, 64), nn.LayerNorm(64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)]
        return nn.Sequential(*layers), torch.from_numpy(floats.reshape(BATCH, 32))
    tokens = torch.from_numpy((floats * 1000).astype(numpy.int64).reshape(BATCH, 40))
    return LstmText(), tokens


def main():
    model = optimiser = inputs = None
    labels = torch.arange(BATCH) % 10
    for line in sys.stdin:
        command, *rest = line.split()
        if command == 'blas':
            torch.rand(64, 64) @ torch.rand(64, 64)
            with open('/proc/self/maps') as maps:
                found = sorted(set(re.findall(r'\S*(?:blas|mkl)\S*', maps.read())))
            print(f'PyTorch {torch.__version__}, {torch.get_num_threads()} thread,', ' '.join(found) or 'no BLAS found')
        elif command == 'open':
            model, inputs = create(rest[0], numpy.frombuffer(base64.b64decode(rest[1]), numpy.float32).copy())
            optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
            print(sum(parameter.numel() for parameter in model.parameters()))
        else:
            best = float('inf')
            for _ in range(int(rest[0])):
                start = time.perf_counter()
                optimiser.zero_grad()
                functional.cross_entropy(model(inputs), labels).backward()
                optimiser.step()
                best = min(best, time.perf_counter() - start)
            print(best)
        sys.stdout.flush()


main()
