"""A trainer without a model, for tests: parameters move by the learning rate in each step. Misbehaves on request."""

import os
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../../../python/tempered_trainer"))
from tempered_trainer import Trainer, run  # noqa: E402

MODE, FLAG = (sys.argv[1:] + ["", ""])[:2]


def once():
    """True the first time, over all processes of a test."""
    if os.path.exists(FLAG):
        return False
    open(FLAG, "w").close()
    return True


class Echo(Trainer):
    samples, test_samples, data = 7, 3, "echo"

    def start(self, hello):
        print("this goes into the log")
        if MODE == "other-layout":
            self.layout = [("other", (2, 2))]
        if MODE == "child":
            print("child %d" % subprocess.Popen(["sleep", "600"]).pid)
        if MODE == "refuse":
            raise ValueError("no data here")
        if MODE == "other-count":
            self.flat = [0.0] * 5
        if MODE == "slow-start":
            time.sleep(60)

    def set_parameters(self, flat):
        self.flat = list(struct.unpack("<%df" % (len(flat) // 4), flat))

    def get_parameters(self):
        values = {"short": self.flat[:-1], "long": self.flat + [0.0]}.get(MODE, self.flat)
        return struct.pack("<%df" % len(values), *values)

    def train(self, request):
        if MODE == "crash" and once():
            os._exit(3)
        if MODE == "always-crash":
            os._exit(3)
        if MODE == "hang" and once():
            time.sleep(60)
        if MODE == "garbage" and once():
            os.write(SINK, b"\xff" * 64)
        if MODE == "odd":
            os.write(SINK, struct.pack("<II", 2, 7))
        if MODE == "fail":
            raise RuntimeError("out of ideas")
        self.flat = [value - request["steps"] * request["learningRate"] for value in self.flat]
        return float("nan") if MODE == "nan" else request["seed"] / 2**32, request["steps"] * request["batchSize"]

    def evaluate(self, request):
        return sum(self.flat), {"accuracy": 0.5}, request["limit"] or 3


# The pipe of frames, for garbage; `run` moves it, but a copy of the number stays open.
SINK = os.dup(1)
run(Echo())
