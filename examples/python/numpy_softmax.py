"""A trainer in plain NumPy: softmax regression on a CSV file with a label column.

    trainer: { command: [python3, numpy_softmax.py, data.csv, --label, species] }
"""

import argparse

import numpy as np

from tempered_trainer import Trainer, read_table, run


class Softmax(Trainer):
    def __init__(self, path, label):
        self.path, self.label = path, label

    def start(self, hello):
        task = hello["task"]
        columns = task["input"]["columns"]
        classes = task["output"]["classes"]
        inputs, labels, self.data = read_table(self.path, task, self.label)
        x, y = np.array(inputs, np.float32), np.array(labels)
        test = np.arange(len(y)) % 5 == 0
        self.train_set, self.test_set = (x[~test], y[~test]), (x[test], y[test])
        self.samples, self.test_samples = int((~test).sum()), int(test.sum())
        self.shape = (len(classes), len(columns))

    def set_parameters(self, flat):
        values = np.frombuffer(flat, "<f4")
        split = self.shape[0] * self.shape[1]
        self.kernel = values[:split].reshape(self.shape).copy()
        self.bias = values[split:].copy()

    def get_parameters(self):
        return np.concatenate([self.kernel.ravel(), self.bias]).astype("<f4").tobytes()

    def probabilities(self, x):
        z = x @ self.kernel.T + self.bias
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def train(self, request):
        x, y = self.train_set
        rng = np.random.RandomState(request["seed"])
        size = min(request["batchSize"], len(y))
        velocity_k, velocity_b = np.zeros_like(self.kernel), np.zeros_like(self.bias)
        total = 0.0
        for _ in range(request["steps"]):
            batch = rng.choice(len(y), size, replace=False)
            p = self.probabilities(x[batch])
            total -= np.log(np.maximum(p[np.arange(size), y[batch]], 1e-30)).sum()
            p[np.arange(size), y[batch]] -= 1
            velocity_k = request["momentum"] * velocity_k + p.T @ x[batch] / size
            velocity_b = request["momentum"] * velocity_b + p.mean(axis=0)
            self.kernel -= request["learningRate"] * (velocity_k + request["weightDecay"] * self.kernel)
            self.bias -= request["learningRate"] * (velocity_b + request["weightDecay"] * self.bias)
        seen = request["steps"] * size
        return total / seen, seen

    def evaluate(self, request):
        x, y = self.test_set if request["on"] == "test" else self.train_set
        limit = request["limit"] or len(y)
        p = self.probabilities(x[:limit])
        loss = -np.log(np.maximum(p[np.arange(len(p)), y[:limit]], 1e-30)).mean()
        return loss, {"accuracy": (p.argmax(axis=1) == y[:limit]).mean()}, len(p)


parser = argparse.ArgumentParser()
parser.add_argument("path")
parser.add_argument("--label", required=True)
arguments = parser.parse_args()
run(Softmax(arguments.path, arguments.label))
