"""A trainer with scikit-learn's SGDClassifier (logistic loss) on a CSV file with a label column, three classes or more.

Its model is one dense layer (built-in model `softmax`), trained one against the rest.

    trainer: { command: [python3, sklearn_sgd.py, data.csv, --label, species] }
"""

import argparse

import numpy as np
from sklearn.linear_model import SGDClassifier

from tempered_trainer import Trainer, read_table, run


class OneAgainstRest(Trainer):
    def __init__(self, path, label):
        self.path, self.label = path, label

    def start(self, hello):
        task = hello["task"]
        columns, classes = task["input"]["columns"], task["output"]["classes"]
        if len(classes) < 3:
            raise ValueError("with two classes SGDClassifier has one row of coefficients; use three classes or more")
        inputs, labels, self.data = read_table(self.path, task, self.label)
        x, y = np.array(inputs), np.array(labels)
        test = np.arange(len(y)) % 5 == 0
        self.train_set, self.test_set = (x[~test], y[~test]), (x[test], y[test])
        self.samples, self.test_samples = int((~test).sum()), int(test.sum())
        self.classes, self.features = np.arange(len(classes)), len(columns)

    def set_parameters(self, flat):
        values = np.frombuffer(flat, "<f4").astype(np.float64)
        split = len(self.classes) * self.features
        self.kernel = values[:split].reshape(len(self.classes), self.features)
        self.bias = values[split:]

    def get_parameters(self):
        return np.concatenate([self.kernel.ravel(), self.bias]).astype("<f4").tobytes()

    def train(self, request):
        x, y = self.train_set
        rng = np.random.RandomState(request["seed"])
        size = min(request["batchSize"], len(y))
        model = SGDClassifier(
            loss="log_loss",
            alpha=max(request["weightDecay"], 1e-12),
            learning_rate="constant",
            eta0=request["learningRate"],
            random_state=rng,
        )
        for step in range(request["steps"]):
            batch = rng.choice(len(y), size, replace=False)
            if step == 0:
                # Allocates the coefficients, which are then those of the run.
                model.partial_fit(x[batch], y[batch], classes=self.classes)
                model.coef_, model.intercept_ = self.kernel.copy(), self.bias.copy()
            model.partial_fit(x[batch], y[batch])
        self.kernel, self.bias = model.coef_, model.intercept_
        loss, _, _ = self.evaluate({"on": "training", "limit": None})
        return loss, request["steps"] * size

    def evaluate(self, request):
        x, y = self.test_set if request["on"] == "test" else self.train_set
        limit = request["limit"] or len(y)
        z = x[:limit] @ self.kernel.T + self.bias
        z -= z.max(axis=1, keepdims=True)
        log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        hits = (z.argmax(axis=1) == y[:limit]).mean()
        return -log_p[np.arange(len(z)), y[:limit]].mean(), {"accuracy": hits}, len(z)


parser = argparse.ArgumentParser()
parser.add_argument("path")
parser.add_argument("--label", required=True)
arguments = parser.parse_args()
run(OneAgainstRest(arguments.path, arguments.label))
