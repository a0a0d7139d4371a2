"""The article's examples: its networks, their initial parameters, its sample; inputs, no results.

The article prints its parameters rounded to four decimals. These are unrounded values that agree
with every digit that it prints, of the parameters and of all that follows from them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

from micrograd import nn, optim
from micrograd.errors import ArgumentValueError
from micrograd.nn.init import kaiming_uniform_, zeros_
from micrograd.tensors.tensor import Tensor

SIZES = (1, 2, 1)
X = ((2.0,),)
Y = ((4.0,),)
LEARNING_RATE = 0.01
DEEP_SIZES = (3, 5, 5, 3, 1)  # the network of its data
STARTS = ("kaiming", "torch")
SEEDS = range(5)  # of the runs that are compared
PARAMETERS = {
    "layer1.weight": [[0.6318516238446321], [-0.29721249581587333]],
    "layer1.bias": [-0.3606903682968957, 0.7175372074394261],
    "layer2.weight": [[-0.3385089491496296, -0.0031320344380553877]],
    "layer2.bias": [-0.3377099778155978],
}

ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "softplus": nn.Softplus,
}
LOSSES: Mapping[str, Callable[[], nn.Loss]] = {"mse": nn.MSELoss, "l1": nn.L1Loss}
OPTIMIZERS: Mapping[str, Callable[..., optim.Optimizer]] = {
    "sgd": optim.SGD,
    "adagrad": optim.Adagrad,
    "rmsprop": optim.RMSprop,
    "adam": optim.Adam,
    "adamw": optim.AdamW,
}


class Network(nn.Module):
    """Linear layers `layer1`, `layer2` and so on, with an activation between each two.

    >>> Network((1, 2, 1))
    Network(
      (layer1): Linear(in_features=1, out_features=2, bias=True)
      (activation1): ReLU()
      (layer2): Linear(in_features=2, out_features=1, bias=True)
    )
    """

    def __init__(self, sizes: Sequence[int], activation: str = "relu") -> None:
        super().__init__()
        if len(sizes) < 2:
            raise ArgumentValueError(f"sizes must be 2 numbers or more, got {list(sizes)}")
        for i in range(1, len(sizes)):
            setattr(self, f"layer{i}", nn.Linear(sizes[i - 1], sizes[i]))
            if i < len(sizes) - 1:
                setattr(self, f"activation{i}", ACTIVATIONS[activation]())

    def forward(self, x: Tensor) -> Tensor:
        """The output of the last layer."""
        for module in self.children():
            x = module(x)
        return x


def network() -> Network:
    """The article's 1 → 2 → 1 network with its initial parameters."""
    model = Network(SIZES)
    model.load_state_dict(PARAMETERS)
    return model


def deep_network(seed: int, activation: str = "relu", start: str = STARTS[0]) -> Network:
    """The article's 3 → 5 → 5 → 3 → 1 network; the seed, for `random`, says its parameters.

    They are drawn by He's rule and the biases are 0 ("kaiming"), or as `nn.Linear` does it
    ("torch", the article's own). With torch's, the numbers shrink from layer to layer, so that the
    biases decide, and now and then all three units of the last hidden layer are dead or soon die.

    >>> deep_network(0).layer4.bias.tolist()
    [0.0]
    """
    random.seed(seed)
    model = Network(DEEP_SIZES, activation)
    if start == "kaiming":
        random.seed(seed)
        for layer in model.children():
            if isinstance(layer, nn.Linear):
                kaiming_uniform_(layer.weight)
                if layer.bias is not None:
                    zeros_(layer.bias)
    return model
