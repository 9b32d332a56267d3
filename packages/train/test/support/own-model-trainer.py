"""A model that only this process knows: y = w·x + b, with first values from the seed. Misbehaves on request."""

import os
import random
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../../../python/tempered_trainer"))
from tempered_trainer import Trainer, run  # noqa: E402

MODE = (sys.argv[1:] + [""])[0]


class OwnModel(Trainer):
    data = "own"

    def start(self, hello):
        draw = random.Random(hello["node"])
        points = [[draw.gauss(0, 1) for _ in range(3)] for _ in range(80)]
        self.rows = [(x, 2 * x[0] - x[1] + 0.5) for x in points]
        self.samples, self.test_samples = 60, 20
        if MODE != "empty":
            first = random.Random(hello["seed"])
            self.flat = [float("nan") if MODE == "nan" else first.uniform(-1, 1) for _ in range(hello["parameters"])]

    def set_parameters(self, flat):
        self.flat = list(struct.unpack("<4f", flat))

    def get_parameters(self):
        return struct.pack("<%df" % len(self.flat), *self.flat)

    def error(self, row):
        x, y = row
        return sum(w * v for w, v in zip(self.flat, x)) + self.flat[3] - y

    def train(self, request):
        order = random.Random(request["seed"])
        total = 0.0
        for _ in range(request["steps"]):
            for row in order.sample(self.rows[:60], request["batchSize"]):
                error = self.error(row)
                total += error * error
                step = 2 * request["learningRate"] * error / request["batchSize"]
                self.flat = [w - step * v for w, v in zip(self.flat, row[0] + [1.0])]
        seen = request["steps"] * request["batchSize"]
        return total / seen, seen

    def evaluate(self, request):
        rows = self.rows[60:] if request["on"] == "test" else self.rows[:60]
        errors = [self.error(row) for row in rows[: request["limit"] or len(rows)]]
        mae = sum(abs(e) for e in errors) / len(errors)
        return sum(e * e for e in errors) / len(errors), {"mae": mae}, len(errors)


run(OwnModel())
