#!/usr/bin/env python3
"""Times PyTorch's gradcheck on the functions of workloads W8 and W8b, the peer of `tapegrad_bench
--benchmark_filter=W8`. Debian's python3-torch runs it:

    /usr/bin/python3 tests/bench/gradcheck_in_pytorch.py [REPETITIONS]
"""
import statistics
import sys
import time

import torch
from torch.autograd import gradcheck, gradgradcheck


def attention_check():
    torch.manual_seed(0)
    attention = torch.nn.MultiheadAttention(16, 4, batch_first=True, dtype=torch.float64)
    names = [name for name, _ in attention.named_parameters()]
    x = torch.randn(2, 5, 16, dtype=torch.float64, requires_grad=True)
    weights = tuple(p.detach().clone().requires_grad_() for p in attention.parameters())

    def f(x, *weights):
        return torch.nn.utils.stateless.functional_call(
            attention, dict(zip(names, weights)), (x, x, x), {"need_weights": False})[0]

    return lambda: gradcheck(f, (x, *weights))


def layer_norm_check():
    torch.manual_seed(0)
    inputs = tuple(torch.randn(*shape, dtype=torch.float64, requires_grad=True) for shape in ((4, 8), (8,), (8,)))

    def f(x, gamma, beta):
        return torch.nn.functional.layer_norm(x, (8,), gamma, beta)

    return lambda: gradcheck(f, inputs) and gradgradcheck(f, inputs)


def main():
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    for threads in (1, 2):
        torch.set_num_threads(threads)
        for name, make in (("W8", attention_check), ("W8b", layer_norm_check)):
            run = make()
            run()
            seconds = []
            for _ in range(repetitions):
                start = time.perf_counter()
                assert run()
                seconds.append(time.perf_counter() - start)
            print(f"{name:<4} threads {threads}  median {statistics.median(seconds) * 1e6:12.1f} us")


if __name__ == "__main__":
    main()
