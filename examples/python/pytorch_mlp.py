"""A trainer in PyTorch: the layers of the run's task, when they are dense, on a CSV file with a label column.

    trainer: { command: [python3, pytorch_mlp.py, data.csv, --label, species] }
"""

import argparse

import torch
from torch import nn

from tempered_trainer import Trainer, read_table, run

torch.set_num_threads(1)
# The same parameters and seed give the same model again, when a round is repeated after a crash.
torch.use_deterministic_algorithms(True)


class DenseLayers(Trainer):
    def __init__(self, path, label):
        self.path, self.label = path, label

    def start(self, hello):
        task = hello["task"]
        inputs, labels, self.data = read_table(self.path, task, self.label)
        x, y = torch.tensor(inputs), torch.tensor(labels)
        test = torch.arange(len(y)) % 5 == 0
        self.train_set, self.test_set = (x[~test], y[~test]), (x[test], y[test])
        self.samples, self.test_samples = int((~test).sum()), int(test.sum())
        # Kernels are [units, inputs], as nn.Linear has them, each followed by its bias; ReLU between layers.
        kernels = [slot["shape"] for slot in hello["layout"] if slot["name"].endswith(".kernel")]
        layers = []
        for units, inputs in kernels:
            layers += [nn.Linear(inputs, units), nn.ReLU()]
        self.model = nn.Sequential(*layers[:-1])

    def set_parameters(self, flat):
        values = torch.frombuffer(bytearray(flat), dtype=torch.float32)
        with torch.no_grad():
            nn.utils.vector_to_parameters(values, self.model.parameters())

    def get_parameters(self):
        return nn.utils.parameters_to_vector(self.model.parameters()).detach().numpy().tobytes()

    def train(self, request):
        x, y = self.train_set
        order = torch.Generator().manual_seed(request["seed"])
        size = min(request["batchSize"], len(y))
        optimiser = torch.optim.SGD(
            self.model.parameters(),
            lr=request["learningRate"],
            momentum=request["momentum"],
            weight_decay=request["weightDecay"],
        )
        total = 0.0
        for _ in range(request["steps"]):
            batch = torch.randperm(len(y), generator=order)[:size]
            optimiser.zero_grad()
            loss = nn.functional.cross_entropy(self.model(x[batch]), y[batch])
            loss.backward()
            optimiser.step()
            total += loss.item()
        return total / request["steps"], request["steps"] * size

    def evaluate(self, request):
        x, y = self.test_set if request["on"] == "test" else self.train_set
        limit = request["limit"] or len(y)
        with torch.no_grad():
            z = self.model(x[:limit])
            loss = nn.functional.cross_entropy(z, y[:limit]).item()
            return loss, {"accuracy": (z.argmax(1) == y[:limit]).float().mean().item()}, len(z)


parser = argparse.ArgumentParser()
parser.add_argument("path")
parser.add_argument("--label", required=True)
arguments = parser.parse_args()
run(DenseLayers(arguments.path, arguments.label))
