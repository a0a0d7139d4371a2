"""Networks: modules with torch's names on arrays, and Karpathy's on single Values."""

from micrograd.nn.activations import Activation, LeakyReLU, ReLU, Sigmoid, Softmax, Softplus, Tanh
from micrograd.nn.layers import Linear, Sequential
from micrograd.nn.losses import (
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HingeLoss,
    L1Loss,
    Loss,
    MSELoss,
)
from micrograd.nn.mlp import MLP, Layer, Neuron
from micrograd.nn.module import Module
from micrograd.nn.parameter import Parameter

__all__ = [
    "MLP",
    "Activation",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "HingeLoss",
    "L1Loss",
    "Layer",
    "LeakyReLU",
    "Linear",
    "Loss",
    "MSELoss",
    "Module",
    "Neuron",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]
