"""The steps by hand in NumPy: derivatives worked out, arrays made once, one update for all.

The MLPs hold a sample in each column, so that the element-wise work runs along memory.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from workloads import ALPHA, BETAS, EPS, Floats, Peer, Workload


def peer(workload: Workload) -> Peer:
    """The step of this workload."""
    model = GPT(workload) if workload.tokens else MLP(workload)
    return Peer(model.step, model.inputs, model.p.copy)


class MLP:
    """ReLU between layers, then a squared error or a hinge loss."""

    def __init__(self, workload: Workload) -> None:
        n, sizes = len(workload.y), workload.sizes
        self.inputs: tuple[Any, ...] = (np.ascontiguousarray(workload.x.T), workload.y[None, :])
        self.hinge, self.lr = workload.hinge, workload.lr
        self.p = workload.start.copy()
        self.g, self.scratch = np.zeros_like(self.p), np.zeros_like(self.p)
        parts, gradients = workload.split(self.p), workload.split(self.g)
        self.weights = [(w, b[:, None]) for w, b in zip(parts[::2], parts[1::2], strict=True)]
        self.gradients = list(zip(gradients[::2], gradients[1::2], strict=True))
        self.h = [np.empty((size, n)) for size in sizes[1:]]
        self.d = [np.empty((size, n)) for size in sizes[1:]]
        self.on = [np.empty((size, n), dtype=bool) for size in sizes[1:]]

    def step(self, x: Floats, y: Floats) -> float:
        h, d, n = self.h, self.d, x.shape[1]
        last = len(h) - 1
        for i, (w, b) in enumerate(self.weights):
            np.matmul(w, h[i - 1] if i else x, out=h[i])
            h[i] += b
            if i < last:
                np.maximum(h[i], 0, out=h[i])
        if self.hinge:
            margin = 1 - y * h[last]
            on = margin > 0
            np.multiply(on, y * (-1 / n), out=d[last])
            loss = (margin.ravel() @ on.ravel()) / n + ALPHA * (self.p @ self.p)
        else:
            error = h[last] - y
            np.multiply(error, 2 / n, out=d[last])
            loss = (error.ravel() @ error.ravel()) / n
        for i in range(last, -1, -1):
            gw, gb = self.gradients[i]
            np.matmul(d[i], (h[i - 1] if i else x).T, out=gw)
            np.add.reduce(d[i], axis=1, out=gb)
            if i:
                np.matmul(self.weights[i][0].T, d[i], out=d[i - 1])
                d[i - 1] *= np.greater(h[i - 1], 0, out=self.on[i - 1])
        if self.hinge:
            self.g += np.multiply(self.p, 2 * ALPHA, out=self.scratch)
        self.p -= np.multiply(self.g, self.lr, out=self.scratch)
        return float(loss)


def rmsnorm(x: Floats) -> tuple[Floats, Floats]:
    """The rows scaled, and by what."""
    scale = 1 / np.sqrt(np.vecdot(x, x)[:, None] / x.shape[1] + 1e-5)
    return x * scale, scale


def rmsnorm_back(d: Floats, x: Floats, scale: Floats) -> Floats:
    """The adjoint of the rows from that of the scaled rows."""
    shift = np.vecdot(d, x)[:, None] * (scale * scale * scale / x.shape[1])
    return d * scale - shift * x


class GPT:
    """The example's network, a token in each row."""

    def __init__(self, workload: Workload) -> None:
        self.inputs: tuple[Any, ...] = (np.array(workload.tokens),)
        self.lr, self.steps = workload.lr, 0
        self.p = workload.start.copy()
        self.g, self.mean, self.square, self.scratch = np.zeros((4, self.p.size))
        self.w, self.gw = workload.split(self.p), workload.split(self.g)
        n = len(workload.tokens) - 1
        self.rows = np.arange(n)
        self.later = np.triu(np.full((n, n), -np.inf), 1)
        # Of the parts for query, key and value, which lie one after the other, a single matrix.
        ends = np.cumsum([np.prod(shape) for shape in workload.shapes])
        self.qkv = self.p[ends[2] : ends[5]].reshape(48, 16)
        self.g_qkv = self.g[ends[2] : ends[5]].reshape(48, 16)

    def step(self, tokens: Any) -> float:
        loss = self.gradient(tokens)
        self.update()
        return loss

    def gradient(self, tokens: Any) -> float:
        wte, wpe, lm_head, _, _, _, output, fc1, fc2 = self.w
        g_wte, g_wpe, g_lm_head, _, _, _, g_output, g_fc1, g_fc2 = self.gw
        ids, targets = tokens[:-1], tokens[1:]
        n = len(ids)

        x0 = wte[ids] + wpe[:n]
        x1, s0 = rmsnorm(x0)
        x2, s1 = rmsnorm(x1)
        q, k, v = (x2 @ self.qkv.T).reshape(n, 3, 4, 4).transpose(1, 2, 0, 3)  # head, token, unit
        scores = q @ k.transpose(0, 2, 1) * 0.5 + self.later
        a = np.exp(scores - scores.max(axis=2, keepdims=True))
        a /= a.sum(axis=2, keepdims=True)
        mixed = (a @ v).transpose(1, 0, 2).reshape(n, 16)
        x3 = mixed @ output.T + x1
        x4, s3 = rmsnorm(x3)
        hidden = np.maximum(x4 @ fc1.T, 0)
        x5 = hidden @ fc2.T + x3
        logits = x5 @ lm_head.T
        exps = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities = exps / exps.sum(axis=1, keepdims=True)
        loss = -np.log(probabilities[self.rows, targets]).sum() / n

        d_logits = probabilities
        d_logits[self.rows, targets] -= 1
        d_logits /= n
        np.matmul(d_logits.T, x5, out=g_lm_head)
        d5 = d_logits @ lm_head
        np.matmul(d5.T, hidden, out=g_fc2)
        d_hidden = (d5 @ fc2) * (hidden > 0)
        np.matmul(d_hidden.T, x4, out=g_fc1)
        d3 = rmsnorm_back(d_hidden @ fc1, x3, s3) + d5
        np.matmul(d3.T, mixed, out=g_output)
        d_mixed = (d3 @ output).reshape(n, 4, 4).transpose(1, 0, 2)
        d_qkv = np.empty((n, 3, 4, 4))
        dq, dk, dv = d_qkv.transpose(1, 2, 0, 3)
        np.matmul(a.transpose(0, 2, 1), d_mixed, out=dv)
        da = d_mixed @ v.transpose(0, 2, 1)
        d_scores = a * (da - np.vecdot(a, da)[:, :, None]) * 0.5
        np.matmul(d_scores, k, out=dq)
        np.matmul(d_scores.transpose(0, 2, 1), q, out=dk)
        flat = d_qkv.reshape(n, 48)
        np.matmul(flat.T, x2, out=self.g_qkv)
        d1 = rmsnorm_back(flat @ self.qkv, x1, s1) + d3
        d0 = rmsnorm_back(d1, x0, s0)
        g_wte[:] = g_wpe[:] = 0
        np.add.at(g_wte, ids, d0)
        g_wpe[:n] = d0
        return float(loss)

    def update(self) -> None:
        """Adam, for all parameters at once."""
        self.steps += 1
        beta1, beta2 = BETAS
        g, mean, square, root = self.g, self.mean, self.square, self.scratch
        mean *= beta1
        mean += np.multiply(g, 1 - beta1, out=root)
        g *= g
        square *= beta2
        square += np.multiply(g, 1 - beta2, out=root)
        np.sqrt(square, out=root)
        root *= 1 / math.sqrt(1 - beta2**self.steps)
        root += EPS
        np.divide(mean, root, out=root)
        root *= self.lr / (1 - beta1**self.steps)
        self.p -= root
