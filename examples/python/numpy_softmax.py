"""A trainer in plain NumPy: softmax regression (`model: softmax`, optimiser sgd) on a CSV file with a column of classes.

    trainer: { command: [python3, numpy_softmax.py, data.csv] }
"""

import argparse

import numpy as np

from tempered_trainer import Trainer, log_priors, read_table, require_metric, require_softmax, run, split_test


class Softmax(Trainer):
    def __init__(self, path, label):
        self.path, self.label = path, label

    def start(self, hello):
        task = hello["task"]
        name = require_softmax(task)["name"]
        require_metric(task, ["accuracy", "loss"])
        if task["optimiser"]["kind"] != "sgd":
            text = "this trainer descends by sgd, but the task has the optimiser %s"
            raise ValueError(text % task["optimiser"]["kind"])
        inputs, labels, self.data = read_table(self.path, task, self.label)
        train_x, train_y, test_x, test_y = split_test(inputs, labels)
        # The layer's kernel is [classes, inputs].
        self.shape = tuple(hello["layout"][0]["shape"])
        self.use_layout([(name + ".kernel", self.shape), (name + ".bias", self.shape[:1])])
        self.train_set = np.array(train_x, np.float32).reshape(-1, self.shape[1]), np.array(train_y, int)
        self.test_set = np.array(test_x, np.float32).reshape(-1, self.shape[1]), np.array(test_y, int)
        self.samples, self.test_samples = len(train_y), len(test_y)
        self.priors = np.array(log_priors(train_y, self.shape[0]), np.float32)

    def set_parameters(self, flat):
        values = np.frombuffer(flat, "<f4")
        split = self.shape[0] * self.shape[1]
        self.kernel = values[:split].reshape(self.shape).copy()
        self.bias = values[split:].copy()

    def get_parameters(self):
        return np.concatenate([self.kernel.ravel(), self.bias]).astype("<f4").tobytes()

    def probabilities(self, x, offsets=0):
        z = x @ self.kernel.T + self.bias + offsets
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
            p = self.probabilities(x[batch], request["logitAdjustment"] * self.priors)
            total -= np.log(np.maximum(p[np.arange(size), y[batch]], 1e-30)).sum()
            p[np.arange(size), y[batch]] -= 1
            slope_k = p.T @ x[batch] / size + request["weightDecay"] * self.kernel
            slope_b = p.mean(axis=0) + request["weightDecay"] * self.bias
            velocity_k = request["momentum"] * velocity_k + slope_k
            velocity_b = request["momentum"] * velocity_b + slope_b
            self.kernel -= request["learningRate"] * velocity_k
            self.bias -= request["learningRate"] * velocity_b
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
parser.add_argument("--label", help="column of the class; default: the one that the task names")
arguments = parser.parse_args()
run(Softmax(arguments.path, arguments.label))
