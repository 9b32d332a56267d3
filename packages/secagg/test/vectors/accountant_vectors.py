"""Epsilons of the published accountant of Google's dp-accounting (pip install dp-accounting), for accountant.test.ts.

    python3 packages/secagg/test/vectors/accountant_vectors.py > packages/secagg/test/vectors/accountant.json
"""

import json
from importlib.metadata import version

import dp_accounting
from dp_accounting.rdp import RdpAccountant

ORDERS = [*range(2, 65), 72, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 768, 1024]


def epsilon(rate, noise, steps, delta):
    accountant = RdpAccountant(ORDERS)
    event = dp_accounting.PoissonSampledDpEvent(rate, dp_accounting.GaussianDpEvent(noise))
    if rate == 1:
        event = dp_accounting.GaussianDpEvent(noise)
    accountant.compose(event, steps)
    return accountant.get_epsilon(delta)


def main():
    cases = [
        {"rate": rate, "noise": noise, "steps": steps, "delta": delta, "epsilon": epsilon(rate, noise, steps, delta)}
        for rate in (0.001, 0.01, 0.1, 1)
        for noise in (0.5, 1, 1.3, 4, 20)
        for steps in (1, 100, 5000)
        for delta in (1e-5, 1e-8)
    ]
    print(json.dumps({"package": "dp-accounting", "version": version("dp-accounting"), "cases": cases}, indent=1))


main()
