"""A trainer with scikit-learn's SGDClassifier (logistic loss) on a CSV file with a column of classes.

Its model is one dense layer (built-in model `softmax`): a row of weights and a bias per class. SGDClassifier takes one
step per sample and has no momentum, which the log says. Adam and logit adjustment, which it has not either, are refused.

- Three classes or more: SGDClassifier trains each row by itself, its class against the rest.
- Two classes: it has one row w and one bias, for the probability sigmoid(w.x + b) of the second class. The layer has two
  rows, and softmax gives the second class sigmoid((k1 - k0).x + ...). So w is k1 - k0, and the rows become m - w/2 and
  m + w/2, where m is the mean of the rows that came in: nothing is lost, and without training the same rows go out. A
  step of softmax moves both rows, w thus twice as far as a step of the sigmoid; the learning rate makes up for it.

    trainer: { command: [python3, sklearn_sgd.py, data.csv] }
"""

import argparse

import numpy as np
from sklearn.linear_model import SGDClassifier

from tempered_trainer import Trainer, read_table, require_metric, require_softmax, run, split_test


class LogisticTrainer(Trainer):
    def __init__(self, path, label):
        self.path, self.label, self.told = path, label, False

    def start(self, hello):
        task = hello["task"]
        name = require_softmax(task)["name"]
        require_metric(task, ["accuracy", "loss"])
        if task["optimiser"]["kind"] != "sgd":
            text = "SGDClassifier descends by sgd, but the task has the optimiser %s"
            raise ValueError(text % task["optimiser"]["kind"])
        inputs, labels, self.data = read_table(self.path, task, self.label)
        train_x, train_y, test_x, test_y = split_test(inputs, labels)
        # The layer's kernel is [classes, inputs].
        count, self.features = hello["layout"][0]["shape"]
        self.use_layout([(name + ".kernel", (count, self.features)), (name + ".bias", (count,))])
        self.train_set = np.array(train_x).reshape(-1, self.features), np.array(train_y, int)
        self.test_set = np.array(test_x).reshape(-1, self.features), np.array(test_y, int)
        self.samples, self.test_samples = len(train_y), len(test_y)
        self.classes = np.arange(count)

    def set_parameters(self, flat):
        values = np.frombuffer(flat, "<f4").astype(np.float64)
        split = len(self.classes) * self.features
        self.kernel = values[:split].reshape(len(self.classes), self.features)
        self.bias = values[split:]

    def get_parameters(self):
        return np.concatenate([self.kernel.ravel(), self.bias]).astype("<f4").tobytes()

    def train(self, request):
        if request["logitAdjustment"] != 0:
            raise ValueError("SGDClassifier has no logit adjustment; run with logitAdjustment: 0")
        if request["momentum"] != 0 and not self.told:
            self.told = True
            print("SGDClassifier has no momentum: it trains without the run's %s" % request["momentum"])
        x, y = self.train_set
        rng = np.random.RandomState(request["seed"])
        size = min(request["batchSize"], len(y))
        factor = 2 if len(self.classes) == 2 else 1
        model = SGDClassifier(
            loss="log_loss",
            alpha=max(request["weightDecay"] / factor, 1e-12),
            learning_rate="constant",
            eta0=request["learningRate"] * factor,
            random_state=rng,
        )
        # Allocates the coefficients, which are then those of the run.
        model.partial_fit(x[:1], y[:1], classes=self.classes)
        model.coef_, model.intercept_ = to_classifier(self.kernel), to_classifier(self.bias)
        for _ in range(request["steps"]):
            batch = rng.choice(len(y), size, replace=False)
            model.partial_fit(x[batch], y[batch])
        self.kernel = from_classifier(model.coef_, self.kernel)
        self.bias = from_classifier(model.intercept_, self.bias)
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


def to_classifier(rows):
    """Rows of classes as SGDClassifier has them: of two classes, the difference."""
    return rows[1:] - rows[:1] if len(rows) == 2 else rows.copy()


def from_classifier(rows, before):
    """Rows of classes from those of SGDClassifier; `before` are the rows that came in."""
    if len(before) != 2:
        return rows
    return before.mean(axis=0) + np.array([-rows[0] / 2, rows[0] / 2])


parser = argparse.ArgumentParser()
parser.add_argument("path")
parser.add_argument("--label", help="column of the class; default: the one that the task names")
arguments = parser.parse_args()
run(LogisticTrainer(arguments.path, arguments.label))
