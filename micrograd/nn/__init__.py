"""Networks: modules with torch's names on arrays, and Karpathy's on single Values."""

from importlib import import_module
from typing import Any

from micrograd.errors import LISTED, no_attribute
from micrograd.nn.activations import (
    CELU,
    ELU,
    GELU,
    SELU,
    Activation,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    Mish,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Softsign,
    Tanh,
    Tanhshrink,
)
from micrograd.nn.classification import BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, NLLLoss
from micrograd.nn.containers import (
    ModuleDict,
    ModuleList,
    ParameterDict,
    ParameterList,
    Sequential,
)
from micrograd.nn.layers import Bilinear, Flatten, Identity, Linear, Unflatten
from micrograd.nn.losses import (
    GaussianNLLLoss,
    HingeLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    Loss,
    MSELoss,
    SmoothL1Loss,
    SoftMarginLoss,
)
from micrograd.nn.mlp import MLP, Layer, Neuron
from micrograd.nn.module import Buffer, Module
from micrograd.nn.parameter import Parameter

# What is loaded when it is first asked for, by the module that it is in.
_LATER = {
    "convolution": "Conv1d Conv2d MaxPool1d MaxPool2d AvgPool1d AvgPool2d AdaptiveAvgPool1d "
    "AdaptiveAvgPool2d",
    "embedding": "Embedding",
    "normalisation": "BatchNorm1d BatchNorm2d LayerNorm",
    "recurrent": "RNN GRU LSTM RNNCell GRUCell LSTMCell",
    "regularisation": "Dropout Dropout1d Dropout2d",
}
_HOMES = {name: home for home, names in _LATER.items() for name in names.split()}
_MODULES = ("functional", "init", "utils")

# Of modules that torch has and this does not: what to use.
INSTEAD = {
    "Transformer": "write attention with @ and softmax: functional.scaled_dot_product_attention",
    "TransformerEncoderLayer": "write attention with @ and softmax, Linear and LayerNorm",
    "MultiheadAttention": "functional.scaled_dot_product_attention, and Linear for each part",
    "ConvTranspose2d": "repeat_interleave the rows and columns, then Conv2d",
    "ConvTranspose1d": "repeat_interleave the rows, then Conv1d",
    "Conv3d": "for volumes use torch",
    "GroupNorm": "LayerNorm of each group, after a reshape",
    "InstanceNorm2d": "LayerNorm of each channel, after a reshape",
    "Upsample": "x.repeat_interleave(2, -1).repeat_interleave(2, -2)",
    "DataParallel": "use the model itself: this runs on one thread",
    "EmbeddingBag": "Embedding, and then mean(1)",
    "CTCLoss": "for sequences without alignment use torch",
    "MarginRankingLoss": "(-y * (a - b) + margin).clamp(min=0).mean()",
    "TripletMarginLoss": "((a - p).norm(dim=1) - (a - n).norm(dim=1) + 1.0).clamp(min=0).mean()",
    "CosineSimilarity": "functional.cosine_similarity(a, b, dim)",
    "CosineEmbeddingLoss": "1 - functional.cosine_similarity(a, b)",
    "RMSNorm": "x * (x.pow(2).mean(-1, keepdim=True) + eps).rsqrt() * weight",
    "Softmax2d": "Softmax(dim=1)",
    "GLU": "a, b = x.chunk(2, -1); a * b.sigmoid()",
}

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "MLP",
    "SELU",
    "Activation",
    "BCELoss",
    "BCEWithLogitsLoss",
    "Bilinear",
    "Buffer",
    "CrossEntropyLoss",
    "Flatten",
    "GaussianNLLLoss",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "HingeLoss",
    "HuberLoss",
    "Identity",
    "KLDivLoss",
    "L1Loss",
    "Layer",
    "LeakyReLU",
    "Linear",
    "LogSigmoid",
    "LogSoftmax",
    "Loss",
    "MSELoss",
    "Mish",
    "Module",
    "ModuleDict",
    "ModuleList",
    "NLLLoss",
    "Neuron",
    "PReLU",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "ReLU",
    "ReLU6",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "Softmax",
    "Softplus",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Unflatten",
    *_HOMES,
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"micrograd.nn.{name}")
    if name not in _HOMES:
        raise no_attribute("module 'micrograd.nn'", name, INSTEAD.get(name, LISTED))
    value = getattr(import_module(f"micrograd.nn.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
