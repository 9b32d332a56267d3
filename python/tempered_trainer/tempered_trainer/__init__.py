"""Train for a Tempered node in a process of your own. Standard library only; Python 3.8 or later.

The node starts this process and talks to it over standard input and output. Everything that your code prints goes to
standard error, and from there into the node's log.
"""

import csv
import hashlib
import json
import os
import struct
import sys
import traceback

__all__ = ["Trainer", "run", "offsets", "read_table"]
__version__ = "0.1.0"

PROTOCOL_VERSION = 1
_HEAD = struct.Struct("<II")


class Trainer:
    """Subclass it and give an instance to ``run``.

    Attributes, to be set in ``start`` at the latest:
        layout: list of (name, shape) of all tensors, in the order of the flat vector; default: what the task says.
        samples, test_samples: numbers of training and test samples.
        data: a text that differs between data sets, e.g. a SHA-256; the node commits to it.
    """

    layout = None
    samples = 0
    test_samples = 0
    data = ""

    def start(self, hello):
        """``hello``: dict with ``task``, ``layout`` (dicts of name, shape, offset), ``parameters``, ``node``, ``seed``.

        ``node`` is the position of the node among the members; -1 when only the first parameters are wanted.
        """

    def set_parameters(self, flat):
        """``flat``: bytes of ``parameters`` little-endian float32; keep a copy."""
        raise NotImplementedError

    def get_parameters(self):
        """The parameters in the same form: bytes, or anything with the buffer protocol.

        Right after ``start`` they are those with which a run may begin: draw them from ``hello["seed"]`` alone.
        """
        raise NotImplementedError

    def train(self, request):
        """``request``: dict with round, steps, batchSize, learningRate, momentum, weightDecay, logitAdjustment, seed.

        Draw the order of samples from ``seed`` alone: the node repeats a round after a crash. Return
        (mean loss or None, samples seen).
        """
        raise NotImplementedError

    def evaluate(self, request):
        """``request``: dict with ``on`` ("test" or "training"), ``round`` and ``limit`` (number or None).

        With ``on`` "training" the samples must be the same for every model of a round. Return
        (mean loss or None, dict of metrics by name, samples).
        """
        raise NotImplementedError

    def stop(self):
        """Called once at the end."""


def read_table(path, task, label):
    """The samples of a CSV file as the task wants them: (inputs, labels, SHA-256 of the file in hex).

    inputs: one list of floats per row, (value - mean) / deviation of each input column. labels: the position of each
    row's ``label`` among the task's classes. ``task``: that of ``hello``, with number columns and named classes.
    Raises ValueError with the line for a missing column, a value that is no number, or an unknown class.
    """
    classes = {name: number for number, name in enumerate(task["output"]["classes"])}
    inputs, labels = [], []
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        for row in reader:
            where = "%s:%d" % (path, reader.line_num)
            sample = []
            for column in task["input"]["columns"]:
                name = column["name"]
                if column["type"] != "number":
                    raise ValueError("column %s is a %s column; read_table knows numbers" % (name, column["type"]))
                try:
                    value = float(row[name])
                except KeyError:
                    raise ValueError("%s: there is no column %s" % (path, name)) from None
                except (TypeError, ValueError):
                    raise ValueError("%s: %r in column %s is not a number" % (where, row[name], name)) from None
                sample.append((value - column["mean"]) / column["deviation"])
            if label not in row:
                raise ValueError("%s: there is no column %s" % (path, label))
            if row[label] not in classes:
                raise ValueError("%s: %r is not a class of the task" % (where, row[label]))
            inputs.append(sample)
            labels.append(classes[row[label]])
    with open(path, "rb") as file:
        return inputs, labels, hashlib.sha256(file.read()).hexdigest()


def offsets(layout):
    """First element of each tensor in the flat vector, and the number of all elements."""
    starts, total = [], 0
    for _, shape in layout:
        starts.append(total)
        size = 1
        for length in shape:
            size *= length
        total += size
    return starts, total


def run(trainer):
    """Answers the node until it says goodbye or closes the pipe."""
    source, sink = _take_pipes()
    while True:
        frame = _read(source)
        if frame is None:
            break
        request, tensor = frame
        try:
            reply, data = _answer(trainer, request, tensor)
        except Exception as error:  # The node decides what to do; the process goes on.
            traceback.print_exc()
            reply, data = {"type": "error", "message": "%s: %s" % (type(error).__name__, error)}, b""
        _write(sink, reply, data)
        if request.get("type") == "shutdown":
            break
    trainer.stop()


def _take_pipes():
    """The two pipes for frames. Whatever else writes to standard output then writes to standard error."""
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdin = open(os.devnull)
    return source, sink


def _answer(trainer, request, tensor):
    kind = request["type"]
    if kind == "hello":
        if request["version"] != PROTOCOL_VERSION:
            raise ValueError("the node speaks version %s, this helper %s" % (request["version"], PROTOCOL_VERSION))
        trainer.layout = [(slot["name"], tuple(slot["shape"])) for slot in request["layout"]]
        trainer.start(request)
        layout = [{"name": name, "shape": list(shape)} for name, shape in trainer.layout]
        return {
            "type": "hello",
            "version": PROTOCOL_VERSION,
            "layout": layout,
            "samples": trainer.samples,
            "testSamples": trainer.test_samples,
            "data": str(trainer.data)[:200],
        }, b""
    if kind == "set":
        trainer.set_parameters(tensor)
        return {"type": "set"}, b""
    if kind == "get":
        return {"type": "get"}, memoryview(trainer.get_parameters()).cast("B")
    if kind == "train":
        loss, samples = trainer.train(request)
        return {"type": "train", "loss": _number(loss), "samples": int(samples)}, b""
    if kind == "evaluate":
        loss, metrics, samples = trainer.evaluate(request)
        named = {name: _number(value) for name, value in metrics.items()}
        return {"type": "evaluate", "loss": _number(loss), "metrics": named, "samples": int(samples)}, b""
    if kind == "losses":
        return {"type": "losses", "values": _losses(trainer, request, tensor)}, b""
    if kind == "shutdown":
        return {"type": "shutdown"}, b""
    raise ValueError("unknown request %r" % kind)


def _losses(trainer, request, tensor):
    size = len(tensor) // request["count"] if request["count"] else 0
    values = []
    for index in range(request["count"]):
        trainer.set_parameters(tensor[index * size : (index + 1) * size])
        loss, _, _ = trainer.evaluate({"on": "training", "round": request["round"], "limit": request["limit"]})
        values.append(_number(loss))
    return values


def _number(value):
    """A finite float, or None: JSON has no NaN."""
    if value is None:
        return None
    value = float(value)
    return value if value - value == 0 else None


def _read(source):
    head = _exactly(source, _HEAD.size)
    if head is None:
        return None
    json_length, tensor_length = _HEAD.unpack(head)
    text = _exactly(source, json_length)
    tensor = _exactly(source, tensor_length)
    if text is None or tensor is None:
        return None
    return json.loads(text.decode("utf-8")), tensor


def _exactly(source, length):
    data = source.read(length)
    return data if len(data) == length else None


def _write(sink, reply, tensor):
    text = json.dumps(reply).encode("utf-8")
    sink.write(_HEAD.pack(len(text), len(tensor)))
    sink.write(text)
    sink.write(tensor)
    sink.flush()
