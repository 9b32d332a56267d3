"""Train for a Tempered node in a process of your own. Standard library only; Python 3.8 or later.

The node starts this process and talks to it over standard input and output. Everything that your code prints goes to
standard error, and from there into the node's log.
"""

import array
import difflib
import gzip
import hashlib
import json
import math
import os
import re
import struct
import sys
import traceback
import zlib

__all__ = [
    "Trainer",
    "run",
    "offsets",
    "read_table",
    "split_test",
    "test_rows",
    "layers_of",
    "require_softmax",
    "require_metric",
    "log_priors",
]
__version__ = "0.1.0"

PROTOCOL_VERSION = 1
_HEAD = struct.Struct("<II")


class DataError(ValueError):
    """What is wrong with a file of data, where in it, and what to do."""


class Trainer:
    """Subclass it and give an instance to ``run``.

    Attributes, to be set in ``start`` at the latest:
        layout: list of (name, shape) of all tensors of your model, in the order of the flat vector. The node compares it
            with the run's, so take it from the model: ``self.use_layout(model.named_parameters())``. Without it the
            helper compares at least the number of the parameters, if ``get_parameters`` works right after ``start``.
        samples, test_samples: numbers of training and test samples.
        data: a text that differs between data sets, e.g. a SHA-256; the node commits to it.
    """

    layout = None
    _wanted = ()
    samples = 0
    test_samples = 0
    data = ""

    def start(self, hello):
        """``hello``: dict with ``task``, ``layout`` (dicts of name, shape, offset), ``parameters``, ``node``, ``seed``.

        ``node`` is the position of the node among the members; -1 when only the first parameters are wanted.
        """

    def use_layout(self, named):
        """Fills ``layout`` from pairs of a name and a tensor or shape, in the order of the flat vector.

        Names may be those of the task's layout or those of PyTorch's modules, called as the task's layers are: a
        ``weight`` is then the task's ``kernel`` or ``scale``, the ``bias`` of a normalisation its ``shift``.
        """
        wanted = [slot["name"] for slot in self._wanted]
        layout = []
        for name, tensor in named:
            path, _, last = name.rpartition(".")
            others = [path + "." + other for other in _TORCH_NAMES.get(last, ())]
            due = wanted[len(layout)] if len(layout) < len(wanted) else None
            layout.append((due if due in others else name, tuple(getattr(tensor, "shape", tensor))))
        self.layout = layout

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


def read_table(path, task, label=None):
    """The rows of a CSV or TSV file (also .gz) as the node itself would encode them: (inputs, targets, SHA-256).

    inputs: a list of numbers per row; (value - mean) / deviation of number columns and a 0 or 1 for each listed value of
    category columns, in the order of the task's columns. ``missing`` and ``other`` of the task hold. targets: of an
    output ``class`` the position of each row's class, of ``labels`` a list of 0 and 1, of ``number`` a list of
    (value - mean) / deviation. All numbers are float32, exactly those of the node. SHA-256: of the file, in hex.

    Rows that ``missing: drop`` leaves out, and values that were imputed or are not listed, are counted on standard error.
    ``task``: that of ``hello``. ``label``: column of the class, where it is not the one that the task names. Raises
    DataError, a ValueError, with file, line, column and what to do.
    """
    data = _file_bytes(path)
    digest = hashlib.sha256(data).hexdigest()
    text = _text(path, data)
    tabs = re.search(r"\.tsv(\.gz)?$", str(path), re.IGNORECASE)
    records = _records(path, text, "\t" if tabs else _delimiter(text))
    _, header = next((pair for pair in records if pair[1] != [""]), (1, None))
    if header is None:
        raise DataError("%s:1: is empty; the first line must name the columns" % path)
    header = [name.strip(_SPACE) or "column %d" % (k + 1) for k, name in enumerate(header)]
    for name in header:
        if header.count(name) > 1:
            text = '%s:1: names the column "%s" twice; the first line must name every column once'
            raise DataError(text % (path, name))
    if task["input"]["type"] != "table":
        raise DataError("%s: is a table, but the task takes %ss" % (path, task["input"]["type"]))
    columns = [(column["name"], _input_encoder(column)) for column in task["input"]["columns"]]
    output = dict(task["output"])
    if label is not None:
        if output["type"] != "class":
            text = "the task has an output `%s`, whose columns it names; leave out the column of the label, %s"
            raise DataError(text % (output["type"], label))
        output["column"] = label
    target_names, encode_target = _target_encoder(output)
    wanted = [(name, "needs") for name, _ in columns] + [(name, "predicts") for name in target_names]
    for name, use in wanted:
        if name not in header:
            text = '%s:1: has no column "%s", which the task %s%s; it has %s'
            listed = ", ".join(map(_named, header[:20])) + (", ..." if len(header) > 20 else "")
            raise DataError(text % (path, name, use, _near(name, header), listed))
    columns = [(name, header.index(name), encode) for name, encode in columns]
    left_out, changes, kept = {}, {name: {} for name, _, _ in columns}, 0
    target_places = [header.index(name) for name in target_names]
    inputs, targets = [], []
    for line, record in records:
        where = "%s:%d: " % (path, line)
        if len(header) > 1 and record == [""]:
            continue
        if len(record) != len(header):
            advice = "add those that are missing, with nothing between two delimiters for a value that is not known"
            if len(record) > len(header):
                advice = "put values that contain the delimiter in quotes"
            text = "%shas %d values, but the header names %d columns; %s"
            raise DataError(text % (where, len(record), len(header), advice))
        sample = array.array("f")
        changed = []
        for name, place, encode in columns:
            numbers, fate = encode(record[place], where)
            if numbers is None:
                left_out.setdefault(name, [0, line])[0] += 1
                break
            if fate:
                changed.append((name, fate, record[place]))
            sample.extend(numbers)
        else:
            kept += 1
            for name, fate, cell in changed:
                changes[name].setdefault(fate, [0, cell, line])[0] += 1
            targets.append(encode_target([record[place] for place in target_places], where))
            inputs.append(sample.tolist())
    for notice in _notices(kept, left_out, changes):
        print("%s: %s" % (path, notice), file=sys.stderr)
    return inputs, targets, digest


def _notices(kept, left_out, changes):
    """What became of rows and values, in the words of the node."""
    lost = sum(count for count, _ in left_out.values())
    if kept + lost == 0:
        yield "has no rows, so it gives no samples"
    if lost:
        why = ['no value in column "%s" (%d, first in line %d)' % (name, *found) for name, found in left_out.items()]
        yield "%s of %d left out: %s" % (_counted(lost, "row"), kept + lost, ", ".join(why))
    for name, fates in changes.items():
        for fate, (count, cell, line) in fates.items():
            example = "for example %s," % _shown(cell) if cell.strip(_SPACE) else "first"
            text = '%s of %d in column "%s" %s %s, %s in line %d'
            are = "is" if count == 1 else "are"
            yield text % (_counted(count, "value"), kept, name, are, fate, example, line)


def _counted(count, noun):
    return "%d %s" % (count, noun if count == 1 else noun + "s")


def split_test(inputs, targets, share=0.2):
    """Keeps a share of the rows for tests, the same rows as a node does: (inputs, targets, test inputs, test targets).

    The rule of docs/data.md, which depends on nothing but the order of the rows and, of classes, their labels.
    """
    marks = test_rows(len(inputs), share, targets if targets and isinstance(targets[0], int) else None)
    parts = []
    for wanted in (False, True):
        for rows in (inputs, targets):
            parts.append([row for row, mark in zip(rows, marks) if mark is wanted])
    return tuple(parts)


def test_rows(count, share=0.2, labels=None):
    """Whether each of ``count`` rows is kept for tests. With labels, each label's rows are drawn by themselves."""
    groups = {}
    for row in range(count):
        groups.setdefault(labels[row] if labels else 0, []).append(row)
    marks = [False] * count
    for rows in groups.values():
        exact = share * len(rows)
        drawn = math.floor(exact) + (1 if exact - math.floor(exact) >= 0.5 else 0)
        for row in sorted(rows, key=_row_hash)[:drawn]:
            marks[row] = True
    if count >= 2 and len(set(marks)) == 1:
        first = min(range(count), key=_row_hash)
        marks[first] = not marks[first]
    return marks


def _row_hash(row):
    mixed = (row + 0x9E3779B9) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
    return mixed ^ (mixed >> 16)


# Spaces, digits and missing values are those that the node knows; Python's own are others.
_SPACE = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f"
    "\u205f\u3000\ufeff"
)
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE)
_MISSING = {"", "na", "n/a", "nan", "null", "none", "?"}
_TRUTH = {"true": 1, "false": 0, "yes": 1, "no": 0}


def _file_bytes(path):
    if os.path.isdir(path):
        raise DataError("%s: is a folder; name a .csv or .tsv file in it" % path)
    if os.path.exists(path) and not os.path.isfile(path):
        raise DataError("%s: is a pipe or a device, not a file; write the data to a file and name that" % path)
    if re.search(r"\.(parquet|npz|npy|(jsonl|ndjson)(\.gz)?)$", str(path), re.IGNORECASE):
        raise DataError("%s: read_table reads .csv and .tsv, also .gz; save it as one of them" % path)
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        raise DataError("%s: does not exist; check the path (seen from %s)" % (path, os.getcwd())) from None
    except PermissionError:
        raise DataError("%s: may not be read by this user; change its permissions" % path) from None


def _text(path, data):
    if str(path).endswith(".gz"):
        try:
            data = gzip.decompress(data)
        except EOFError:
            raise DataError("%s: the compressed data ends too early; fetch it again" % path) from None
        except (OSError, zlib.error):
            text = "%s at byte 0: the compressed data is damaged; fetch the file again"
            if data[:2] != b"\x1f\x8b":
                text = "%s at byte 0: is not compressed, although its name ends in .gz; rename it without .gz"
            raise DataError(text % path) from None
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError("%s at byte 0: is UTF-16, not UTF-8; save it as UTF-8" % path)
    zero = data[:4096].find(b"\0")
    if zero >= 0:
        raise DataError("%s at byte %d: holds a zero byte, so it is no text file; check the format" % (path, zero))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError("%s at byte %d: is not UTF-8 here; save it as UTF-8" % (path, error.start)) from None
    return text[1:] if text.startswith("\ufeff") else text


def _delimiter(text):
    line = re.sub('"[^"]*"', "", re.split("\r?\n", text, maxsplit=1)[0])
    return max(",;\t|", key=line.count)


def _records(path, text, delimiter):
    """Pairs of line and values. A blank line has one empty value."""
    # Files of several programs have several line ends. Those in quotes belong to values.
    parts = text.split('"')
    parts[::2] = [re.sub("\r\n?", "\n", part) for part in parts[::2]]
    text, newline = '"'.join(parts), "\n"
    quoted = re.compile('"((?:[^"]|"")*)"')
    plain = re.compile('(?:(?!%s)[^"%s])*' % (newline, re.escape(delimiter)))
    at, line = 0, 1
    while at < len(text):
        end = text.find(newline, at)
        end = len(text) if end < 0 else end
        if text.find('"', at, end) < 0:
            yield line, text[at:end].split(delimiter)
            at, line = end + len(newline), line + 1
            continue
        values, begun = [], at
        while True:
            if text.startswith('"', at):
                found = quoted.match(text, at)
                if found is None:
                    message = '%s:%d: a quote is opened and never closed; close it, or write "" for a quote in a value'
                    raise DataError(message % (path, line))
                values.append(found.group(1).replace('""', '"'))
                wrong = 'text follows a closing quote; write "" for a quote in a value'
            else:
                found = plain.match(text, at)
                values.append(found.group())
                wrong = 'a quote in the middle of a value; put the whole value in quotes and write "" for it'
            at = found.end()
            if at == len(text) or text.startswith(newline, at):
                break
            if not text.startswith(delimiter, at):
                raise DataError("%s:%d: %s" % (path, line + _line_ends(text[begun:at]), wrong))
            at += 1
        yield line, values
        at, line = at + len(newline), line + 1 + sum(map(_line_ends, values))


def _line_ends(text):
    return len(re.findall("\r\n?|\n", text))


def _is_missing(cell):
    return cell.strip(_SPACE).lower() in _MISSING


def _number_of(cell):
    text = cell.strip(_SPACE)
    if _DECIMAL.fullmatch(text) is None:
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def _shown(cell):
    text = json.dumps(cell, ensure_ascii=False)
    return text[:40] + "…" if len(text) > 40 else text


def _named(name):
    return name[:60] + "…" if len(name) > 60 else name


def _near(name, names):
    names = [one for one in names if len(one) <= 200]
    found = difflib.get_close_matches(name, names, 1)
    return '; did you mean "%s"?' % found[0] if found else ""


def _missing_value(where, name, cell, target=False):
    advice = "add it, or say in the task `missing: drop` or `missing: { impute: ... }`"
    if target:
        advice = "remove the row, since what is to be predicted must be known"
    what = "%s here, which counts as no value" % _shown(cell) if cell.strip(_SPACE) else "no value here"
    return DataError('%scolumn "%s" has %s; %s' % (where, name, what, advice))


def _not_a_number(where, name, cell):
    plain = cell.strip(_SPACE)
    advice = "write a number, or make the column a category in the task"
    if re.fullmatch("[+-]?inf(inity)?", plain, re.IGNORECASE) or _DECIMAL.fullmatch(plain):
        advice = "write a finite number"
    if _DECIMAL.fullmatch(plain.replace(",", ".", 1)) and "," in cell:
        advice = "write decimals with a point"
    return DataError('%scolumn "%s" has %s, which is no number; %s' % (where, name, _shown(cell), advice))


def _scaled(value, mean, deviation, name, where):
    scaled = (value - mean) / deviation
    try:
        fits = math.isfinite(struct.unpack("<f", struct.pack("<f", scaled))[0])
    except OverflowError:
        fits = False
    if not fits:
        text = '%scolumn "%s" has %r, which, scaled, does not fit into a 32-bit float (at most 3.4e38); correct it'
        raise DataError(text % (where, name, value))
    return scaled


def _input_encoder(column):
    """Makes a function of (cell, place) that returns the numbers of a cell (None when its row is to be left out), and
    what became of it when that is not its own value."""
    name, missing = column["name"], column.get("missing", "refuse")
    impute = missing["impute"] if isinstance(missing, dict) else None
    imputed = "missing and became %s" % json.dumps(impute, ensure_ascii=False)
    if column["type"] == "number":
        mean, deviation = float(column.get("mean", 0)), float(column.get("deviation", 1))

        def encode_number(cell, where):
            value, fate = _number_of(cell), None
            if value is None:
                if not _is_missing(cell):
                    raise _not_a_number(where, name, cell)
                if missing == "drop":
                    return None, None
                if missing == "refuse":
                    raise _missing_value(where, name, cell)
                value, fate = float(impute), imputed
            return [_scaled(value, mean, deviation, name, where)], fate

        return encode_number

    values, other = column["values"], column.get("other", "refuse")
    places = {value: k for k, value in enumerate(values)}

    def encode_category(cell, where):
        value, fate = cell.strip(_SPACE), None
        if _is_missing(cell) and value not in places:
            if missing == "drop":
                return None, None
            if missing == "refuse":
                raise _missing_value(where, name, cell)
            value, fate = impute, imputed
        numbers = [0.0] * len(values)
        if value in places:
            numbers[places[value]] = 1.0
        elif other == "refuse":
            text = '%scolumn "%s" has %s, which the task does not list%s; correct it, or say in the task `other: zero`'
            raise DataError(text % (where, name, _shown(value), _near(value, values)))
        else:
            fate = "not listed in the task and became zeros"
        return numbers, fate

    return encode_category


def _target_encoder(output):
    """The columns of the targets, and a function of (cells, place) that returns the target of a row."""
    if output["type"] == "class":
        column = output.get("column", "label")
        return [column], _class_encoder(column, output["classes"])
    if output["type"] == "labels":
        names = output["columns"]

        def encode_labels(cells, where):
            numbers = []
            for name, cell in zip(names, cells):
                value = _number_of(cell)
                value = _TRUTH.get(cell.strip(_SPACE).lower()) if value is None else value
                if value is None and _is_missing(cell):
                    raise _missing_value(where, name, cell, target=True)
                if value not in (0, 1):
                    raise DataError('%scolumn "%s" has %s; write 0 or 1' % (where, name, _shown(cell)))
                numbers.append(float(value))
            return numbers

        return names, encode_labels
    columns = [(it["name"], float(it.get("mean", 0)), float(it.get("deviation", 1))) for it in output["columns"]]

    def encode_numbers(cells, where):
        numbers = array.array("f")
        for (name, mean, deviation), cell in zip(columns, cells):
            value = _number_of(cell)
            if value is None:
                missing = _is_missing(cell)
                raise _missing_value(where, name, cell, target=True) if missing else _not_a_number(where, name, cell)
            numbers.append(_scaled(value, mean, deviation, name, where))
        return numbers.tolist()

    return [name for name, _, _ in columns], encode_numbers


def _class_encoder(column, classes):
    names = [] if isinstance(classes, int) else classes
    count = classes if isinstance(classes, int) else len(classes)
    places = {name: k for k, name in enumerate(names)}
    by_number = all(_number_of(name) is None for name in names)

    def encode_class(cells, where):
        cell = cells[0]
        label = places.get(cell.strip(_SPACE))
        if label is not None:
            return label
        value = _number_of(cell)
        if value is not None and value == int(value):
            label = int(value)
            if not by_number:
                label = places.get(str(label), -1)
            if 0 <= label < count:
                return label
        if _is_missing(cell):
            raise _missing_value(where, column, cell, target=True)
        if not names:
            text = '%scolumn "%s" has %s; labels of %d classes are whole numbers from 0 to %d; correct it, or list the'
            text += " names of the classes in the task"
            raise DataError(text % (where, column, _shown(cell), count, count - 1))
        near = _near(cell.strip(_SPACE), names) or "; correct it, or add it to the classes"
        listed = ", ".join(names[:10]) + (", ..." if count > 10 else "")
        text = '%scolumn "%s" has %s, which is not a class of the task (%s)%s'
        raise DataError(text % (where, column, _shown(cell), listed, near))

    return encode_class


_BUILT_IN = {
    "softmax": ({"layer": "dense", "name": "0"},),
    "mlp": (
        {"layer": "dense", "name": "0", "units": 128, "activation": "relu"},
        {"layer": "dense", "name": "1", "units": 64, "activation": "relu"},
        {"layer": "dense", "name": "2"},
    ),
    "tabular-mlp": (
        {"layer": "dense", "units": 64},
        {"layer": "layer-norm"},
        {"layer": "activation", "function": "relu"},
        {"layer": "dense", "units": 32, "activation": "relu"},
        {"layer": "dense"},
    ),
}


def layers_of(task):
    """The layers of a task for tables: dicts with ``layer``, ``name`` (as in names of tensors) and all other keys.

    Raises ValueError for a model that has no layers here: a built-in one for other inputs, or a list of tensors.
    """
    model, output = task["model"], task["output"]
    if isinstance(model, str):
        if model not in _BUILT_IN or task["input"]["type"] != "table":
            text = "the helper does not know the layers of model `%s` for an input `%s`; list them in the task"
            raise ValueError(text % (model, task["input"]["type"]))
        listed = [dict(layer) for layer in _BUILT_IN[model]]
        outputs = output["classes"] if output["type"] == "class" else output["columns"]
        listed[-1]["units"] = outputs if isinstance(outputs, int) else len(outputs)
    elif "layers" in model:
        listed = [dict(layer) for layer in model["layers"]]
    else:
        raise ValueError("the task lists the tensors of its model, not its layers; build it as you know it")
    for number, layer in enumerate(listed):
        layer["name"] = layer.get("name") or str(number)
        if layer["layer"] == "dense":
            layer.setdefault("activation", "linear")
            layer.setdefault("bias", True)
        if layer["layer"] == "layer-norm":
            layer.setdefault("epsilon", 1e-5)
    return listed


def require_softmax(task):
    """The only layer of a task for classes whose model is one dense layer without activation. Raises ValueError."""
    layers = layers_of(task)
    only = layers[0]
    plain = only["layer"] == "dense" and only["activation"] == "linear" and only["bias"]
    if len(layers) == 1 and plain and task["output"]["type"] == "class":
        return only
    found = ", ".join("%s (%s)" % (layer["layer"], layer["name"]) for layer in layers)
    text = "this trainer has one dense layer without activation, for classes; the task has %s for %s. "
    raise ValueError((text + "Use another trainer, or `model: softmax`") % (found, task["output"]["type"]))


def require_metric(task, known):
    """Raises ValueError unless the task's first metric, by which models are judged, is one of these."""
    first = task["metrics"][0]
    if first not in known:
        text = "this trainer does not measure `%s`, the first of the task's metrics; put %s first, or measure it"
        raise ValueError(text % (first, " or ".join("`%s`" % name for name in known)))


def log_priors(labels, classes):
    """What ``logitAdjustment`` multiplies: for each class the number to add to its logits in training."""
    counts = [0] * classes
    for label in labels:
        counts[int(label)] += 1
    total = sum(counts)
    if any(count > 0.99 * total for count in counts):
        return [0.0] * classes
    return [math.log((count + 1) / (total + classes)) for count in counts]


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
        except DataError as error:  # Its message says all: where in the file, and what to do.
            reply, data = {"type": "error", "message": _clipped(str(error))}, b""
        except Exception as error:  # The node decides what to do; the process goes on.
            traceback.print_exc()
            reply, data = {"type": "error", "message": _clipped("%s: %s" % (type(error).__name__, error))}, b""
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


# What the node takes of a message.
_MESSAGE_LENGTH = 9_000


def _clipped(message):
    return message[:_MESSAGE_LENGTH] + "…" if len(message) > _MESSAGE_LENGTH else message


def _answer(trainer, request, tensor):
    kind = request["type"]
    if kind == "hello":
        if request["version"] != PROTOCOL_VERSION:
            raise ValueError("the node speaks version %s, this helper %s" % (request["version"], PROTOCOL_VERSION))
        trainer._wanted = request["layout"]
        given = [(slot["name"], tuple(slot["shape"])) for slot in request["layout"]]
        trainer.layout = given
        trainer.start(request)
        layout = _checked_layout(trainer, request) if trainer.layout is given else trainer.layout
        layout = [{"name": name, "shape": [int(size) for size in shape]} for name, shape in layout]
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


# Tensors of PyTorch's modules and what the task's layout calls them.
_TORCH_NAMES = {"weight": ("kernel", "scale"), "bias": ("bias", "shift")}


def _checked_layout(trainer, request):
    """The task's layout, for a trainer that names none; unless its model has another number of parameters."""
    try:
        count = memoryview(trainer.get_parameters()).nbytes // 4
    except Exception:  # It has no parameters before it is given some.
        count = request["parameters"]
    if count != request["parameters"]:
        return [("(all parameters)", (count,))]
    return trainer.layout


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
