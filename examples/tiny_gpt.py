"""A GPT in plain scalar Python: every weight is a `Value`, every step the chain rule.

    python examples/tiny_gpt.py            # compiled: the loss below becomes array kernels
    python examples/tiny_gpt.py --eager    # the same code, one Value at a time

It learns to spell names, letter by letter, from names that it makes up first. The network is that
of Karpathy's microgpt: token and position embeddings, one block of causal attention and an MLP,
each added to what came in, and logits for the next letter.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Sequence
from itertools import pairwise

import micrograd
from micrograd import Tensor, Value, optim, tensor

LETTERS = "abcdefghijklmnopqrstuvwxyz"
EDGE = len(LETTERS)  # the token before the first letter and after the last
VOCABULARY = len(LETTERS) + 1
WIDTH, HEADS, CONTEXT = 16, 4, 16
HEAD = WIDTH // HEADS

Vector = list[Value]
Matrix = list[Vector]


def linear(weight: Matrix, x: Vector) -> Vector:
    """Weight times x: one weighted sum for each row."""
    return [sum(w * xi for w, xi in zip(row, x, strict=True)) for row in weight]


def rmsnorm(x: Vector) -> Vector:
    """The vector scaled to a mean square of 1."""
    mean_square = sum(xi * xi for xi in x) / len(x)
    scale = (mean_square + 1e-5) ** -0.5
    return [xi * scale for xi in x]


def softmax(logits: Vector) -> Vector:
    """Probabilities; the largest logit is taken off first, so that no exp overflows."""
    largest = max(v.data for v in logits)
    exps = [(v - largest).exp() for v in logits]
    total = sum(exps)
    return [e / total for e in exps]


def add(x: Vector, y: Vector) -> Vector:
    """The sum, element by element: what a residual connection does."""
    return [xi + yi for xi, yi in zip(x, y, strict=True)]


def attend(query: Vector, keys: Matrix, values: Matrix) -> Vector:
    """The mean of the values, weighted by how well their keys match the query."""
    scores = [sum(q * k for q, k in zip(query, key, strict=True)) / HEAD**0.5 for key in keys]
    weights = softmax(scores)
    columns = zip(*values, strict=True)
    return [sum(w * v for w, v in zip(weights, column, strict=True)) for column in columns]


class GPT:
    """Nine matrices of Values and what is done with them."""

    def __init__(self, rng: random.Random) -> None:
        def matrix(rows: int, columns: int) -> Matrix:
            return [[Value(rng.gauss(0, 0.08)) for _ in range(columns)] for _ in range(rows)]

        self.token_embedding = matrix(VOCABULARY, WIDTH)
        self.position_embedding = matrix(CONTEXT, WIDTH)
        self.lm_head = matrix(VOCABULARY, WIDTH)
        self.query, self.key = matrix(WIDTH, WIDTH), matrix(WIDTH, WIDTH)
        self.value, self.output = matrix(WIDTH, WIDTH), matrix(WIDTH, WIDTH)
        self.fc1, self.fc2 = matrix(4 * WIDTH, WIDTH), matrix(WIDTH, 4 * WIDTH)

    def parameters(self) -> list[Tensor]:
        """The matrices, as an optimiser takes them."""
        return [tensor(matrix) for matrix in vars(self).values()]

    def forward(self, token: int, position: int, keys: Matrix, values: Matrix) -> Vector:
        """The logits of the next token; `keys` and `values` remember the tokens before."""
        x = rmsnorm(add(self.token_embedding[token], self.position_embedding[position]))

        normed = rmsnorm(x)
        query = linear(self.query, normed)
        keys.append(linear(self.key, normed))
        values.append(linear(self.value, normed))
        mixed: Vector = []
        for start in range(0, WIDTH, HEAD):
            part = slice(start, start + HEAD)
            mixed += attend(query[part], [k[part] for k in keys], [v[part] for v in values])
        x = add(linear(self.output, mixed), x)

        hidden = [h.relu() for h in linear(self.fc1, rmsnorm(x))]
        x = add(linear(self.fc2, hidden), x)
        return linear(self.lm_head, x)

    def loss(self, tokens: Sequence[int]) -> Value:
        """How surprised the network is, on average, by each next token."""
        keys: Matrix = []
        values: Matrix = []
        losses = []
        for position, (token, target) in enumerate(pairwise(tokens)):
            probabilities = softmax(self.forward(token, position, keys, values))
            losses.append(-probabilities[target].log())
        return sum(losses) / len(losses)

    def sample(self, rng: random.Random, temperature: float = 0.5) -> str:
        """A new name, drawn letter by letter; a low temperature prefers likely letters."""
        keys: Matrix = []
        values: Matrix = []
        token, name = EDGE, ""
        with micrograd.no_grad():
            for position in range(CONTEXT):
                logits = self.forward(token, position, keys, values)
                chances = [p.data for p in softmax([v / temperature for v in logits])]
                (token,) = rng.choices(range(VOCABULARY), chances)
                if token == EDGE:
                    break
                name += LETTERS[token]
        return name


def make_names(rng: random.Random, count: int) -> list[str]:
    """Names of two or three syllables: "mira", "tolben", "sakinor"."""

    def syllable() -> str:
        return rng.choice("bdfgklmnprstvz") + rng.choice("aaeeiiou")

    def name() -> str:
        return "".join(syllable() for _ in range(rng.randint(2, 3))) + rng.choice(["", *"lnrs"])

    return [name() for _ in range(count)]


def encode(name: str) -> list[int]:
    """The tokens of a name, with an edge on either side."""
    return [EDGE, *(LETTERS.index(letter) for letter in name), EDGE]


def make_step(
    model: GPT, optimizer: optim.Optimizer, eager: bool
) -> Callable[[Sequence[int]], float]:
    """What makes one training step and returns the loss before it."""
    if eager:

        def eager_step(tokens: Sequence[int]) -> float:
            optimizer.zero_grad()
            loss = model.loss(tokens)
            loss.backward()
            optimizer.step()
            return loss.data

        return eager_step

    @micrograd.compile(optimizer=optimizer)
    def loss(tokens: Sequence[int]) -> Value:
        return model.loss(tokens)

    return loss.step


def main() -> None:
    """Train, and print the loss now and then, the speed, and some names."""
    parser = argparse.ArgumentParser(description="A GPT in plain scalar Python.")
    parser.add_argument("--eager", action="store_true", help="do not compile")
    parser.add_argument("--steps", type=int, default=1000, help="training steps (1000)")
    parser.add_argument("--seed", type=int, default=0, help="of names and weights (0)")
    arguments = parser.parse_args()
    if arguments.steps < 1:
        parser.error(f"--steps must be 1 or more, got {arguments.steps}")

    rng = random.Random(arguments.seed)
    names = make_names(rng, 1000)
    model = GPT(rng)
    optimizer = optim.Adam(model.parameters(), lr=0.01, betas=(0.85, 0.99), eps=1e-8)
    decay = optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / arguments.steps)
    train = make_step(model, optimizer, arguments.eager)

    some = max(1, arguments.steps // 10)
    start, losses = time.perf_counter(), []
    for number in range(1, arguments.steps + 1):
        losses.append(train(encode(rng.choice(names))))
        decay.step()
        if number % some == 0:
            print(f"step {number:5}  loss {sum(losses[-some:]) / some:.4f}")
    seconds = time.perf_counter() - start
    print(f"{arguments.steps / seconds:,.1f} steps/s")
    print("names it was given:", *names[:10])
    print("names it makes up: ", *(model.sample(rng) for _ in range(10)))


if __name__ == "__main__":
    main()
