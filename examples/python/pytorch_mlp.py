"""A trainer in PyTorch: layers, loss and optimiser of the run's task, on a CSV file.

It builds dense, activation, dropout, layer-norm, group-norm and flatten layers, and refuses others when it starts.

    trainer: { command: [python3, pytorch_mlp.py, data.csv] }
"""

import argparse
import ctypes

import torch
from torch import nn

from tempered_trainer import Trainer, layers_of, log_priors, read_table, run, split_test

torch.set_num_threads(1)
# The same parameters and seed give the same model again, when a round is repeated after a crash.
torch.use_deterministic_algorithms(True)

ACTIVATIONS = {
    "linear": nn.Identity,
    "relu": nn.ReLU,
    "leaky-relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}
LOSSES = {
    "cross-entropy": nn.CrossEntropyLoss(),
    "binary-cross-entropy": nn.BCEWithLogitsLoss(),
    "squared": nn.MSELoss(),
    "absolute": nn.L1Loss(),
    "huber": nn.HuberLoss(),
}


def build(task, width):
    """Pairs of a layer's name and its module, and all modules in a row."""
    named, modules = [], []
    for number, layer in enumerate(layers_of(task)):
        kind = layer["layer"]
        if kind == "dense":
            module = nn.Linear(width, layer["units"], bias=layer["bias"])
            width = layer["units"]
        elif kind == "layer-norm":
            module = nn.LayerNorm(width, eps=layer["epsilon"])
        elif kind == "group-norm":
            module = nn.GroupNorm(layer["groups"], width, eps=layer["epsilon"])
        elif kind == "dropout":
            module = nn.Dropout(layer["rate"])
        elif kind == "activation":
            module = ACTIVATIONS[layer["function"]]()
        elif kind == "flatten":
            module = nn.Flatten()
        else:
            text = "layer %d of the task is `%s`, which this example does not build; add it to build() in %s"
            raise ValueError(text % (number, kind, __file__))
        named.append((layer["name"], module))
        modules.append(module)
        if kind == "dense":
            modules.append(ACTIVATIONS[layer["activation"]]())
    return named, nn.Sequential(*modules)


class TaskTrainer(Trainer):
    def __init__(self, path, label):
        self.path, self.label = path, label

    def start(self, hello):
        task = self.task = hello["task"]
        output = task["output"]
        columns = task["input"]["columns"]
        width = sum(len(column["values"]) if column["type"] == "category" else 1 for column in columns)
        # These values are the first parameters where a run asks for them.
        torch.manual_seed(hello["seed"] if isinstance(hello["seed"], int) else 0)
        named, self.model = build(task, width)
        self.use_layout(
            (name + "." + key, tensor) for name, module in named for key, tensor in module.named_parameters()
        )
        inputs, targets, self.data = read_table(self.path, task, self.label)
        train_x, train_y, test_x, test_y = split_test(inputs, targets)
        self.is_class = output["type"] == "class"
        kind = torch.int64 if self.is_class else torch.float32
        self.train_set = torch.tensor(train_x).reshape(-1, width), torch.tensor(train_y, dtype=kind)
        self.test_set = torch.tensor(test_x).reshape(-1, width), torch.tensor(test_y, dtype=kind)
        self.samples, self.test_samples = len(train_y), len(test_y)
        self.loss = LOSSES[task["loss"]]
        if self.is_class:
            outputs = output["classes"] if isinstance(output["classes"], int) else len(output["classes"])
            self.priors = torch.tensor(log_priors(train_y, outputs))

    def set_parameters(self, flat):
        values = torch.frombuffer(bytearray(flat), dtype=torch.float32)
        with torch.no_grad():
            nn.utils.vector_to_parameters(values, self.model.parameters())

    def get_parameters(self):
        flat = nn.utils.parameters_to_vector(self.model.parameters()).detach().contiguous()
        return ctypes.string_at(flat.data_ptr(), 4 * flat.numel())  # Without NumPy, which PyTorch can do without.

    def optimiser(self, request):
        of = self.task["optimiser"]
        settings = {"lr": request["learningRate"], "weight_decay": request["weightDecay"]}
        if of["kind"] == "sgd":
            return torch.optim.SGD(self.model.parameters(), momentum=request["momentum"], **settings)
        kind = torch.optim.AdamW if of["decoupled"] else torch.optim.Adam
        betas = (of["beta1"], of["beta2"])
        return kind(self.model.parameters(), betas=betas, eps=of["epsilon"], **settings)

    def train(self, request):
        x, y = self.train_set
        order = torch.Generator().manual_seed(request["seed"])
        # What dropout drops.
        torch.manual_seed(request["seed"])
        size = min(request["batchSize"], len(y))
        optimiser = self.optimiser(request)
        self.model.train()
        total = 0.0
        for _ in range(request["steps"]):
            batch = torch.randperm(len(y), generator=order)[:size]
            optimiser.zero_grad()
            z = self.model(x[batch])
            if self.is_class:
                z = z + request["logitAdjustment"] * self.priors
            loss = self.loss(z, y[batch])
            loss.backward()
            optimiser.step()
            total += loss.item()
        return total / request["steps"], request["steps"] * size

    def evaluate(self, request):
        x, y = self.test_set if request["on"] == "test" else self.train_set
        limit = request["limit"] or len(y)
        x, y = x[:limit], y[:limit]
        self.model.eval()
        with torch.no_grad():
            z = self.model(x)
            return self.loss(z, y).item(), self.metrics(z, y), len(z)

    def metrics(self, z, y):
        output = self.task["output"]
        if output["type"] == "number":
            # Errors in the units of the columns.
            errors = (z - y) * torch.tensor([column["deviation"] for column in output["columns"]])
            return {"mae": errors.abs().mean().item(), "rmse": errors.square().mean().sqrt().item()}
        if self.is_class:
            truth, said = (nn.functional.one_hot(chosen, z.shape[1]) > 0 for chosen in (y, z.argmax(1)))
            right, scores = z.argmax(1) == y, z.double().softmax(1)
        else:
            truth, said, scores = y >= 0.5, z > 0, z
            right = said == truth
        found = {"accuracy": right.double().mean().item()}
        if "f1" in self.task["metrics"]:
            hits = (said & truth).sum(0)
            found["f1"] = (2 * hits / (said.sum(0) + truth.sum(0)).clamp(min=1)).mean().item()
        if "auroc" in self.task["metrics"]:
            areas = [auroc(scores[:, k], truth[:, k]) for k in range(z.shape[1]) if 0 < truth[:, k].sum() < len(z)]
            found["auroc"] = sum(areas) / len(areas) if areas else None
        return found


def auroc(scores, marks):
    """Area under the ROC curve, from ranks; equal scores share their mean rank."""
    _, places, counts = scores.unique(return_inverse=True, return_counts=True)
    ranks = (counts.cumsum(0) - (counts - 1) / 2)[places].double()
    ones = int(marks.sum())
    return (ranks[marks].sum().item() - ones * (ones + 1) / 2) / (ones * (len(marks) - ones))


parser = argparse.ArgumentParser()
parser.add_argument("path")
parser.add_argument("--label", help="column of the class; default: the one that the task names")
arguments = parser.parse_args()
run(TaskTrainer(arguments.path, arguments.label))
