"""Which methods arrays have, by torch's names, and where each is defined; what to use instead."""

from __future__ import annotations

from typing import Any

from micrograd.tensors import (
    backward,
    conversions,
    extremes,
    indexing,
    norms,
    ordering,
    pointwise,
    products,
    reductions,
    shapes,
    soft_maxima,
)

# Methods that are functions of the modules beside this one: by their names there, or `name=theirs`.
METHODS: dict[Any, str] = {
    pointwise: "add=scaled_sum sub=scaled_difference subtract=scaled_difference mul multiply=mul "
    "div=divided divide=divided true_divide=div pow neg negative=neg abs=absolute absolute lt le "
    "gt ge eq ne less=lt less_equal=le greater=gt greater_equal=ge not_equal=ne logical_and "
    "logical_or logical_xor logical_not bitwise_and=bit_and bitwise_or=bit_or floor ceil trunc "
    "round sign sgn=sign floor_divide remainder fmod isnan isinf isfinite clamp "
    "clip=clamp maximum minimum masked_fill square rsqrt reciprocal log2 log10 log1p expm1 tan "
    "sinh cosh",
    shapes: "reshape view view_as reshape_as=view_as flatten ravel=flatten unflatten squeeze "
    "unsqueeze permute transpose swapaxes=transpose t flip roll expand expand_as broadcast_to "
    "repeat tile=repeat repeat_interleave tril triu diag split chunk unbind movedim",
    reductions: "sum mean var std prod cumsum cumprod all any count_nonzero",
    extremes: "max min amax amin argmax argmin",
    ordering: "sort argsort topk median unique bincount",
    norms: "norm",
    soft_maxima: "softmax log_softmax logsumexp",
    products: "matmul mm mv bmm dot inner=matmul outer ger=outer addmm",
    indexing: "index_select gather scatter take_along_dim masked_select nonzero copy_ fill_ zero_ "
    "masked_fill_ scatter_",
    conversions: "numpy tolist item to type=type_ float=float_ double=float_ half=float_ long "
    "int=long bool=bool_ cpu cuda clone contiguous=same type_as=to",
    backward: "backward register_hook",
}
IN_PLACE = (
    "add sub mul div pow neg abs clamp exp log sqrt relu sigmoid tanh sin cos floor ceil round "
    "square reciprocal tril triu"
)

# What NumPy calls the operators that it leaves to the other operand.
UFUNCS = {
    "add": pointwise.add, "subtract": pointwise.sub, "multiply": pointwise.mul,
    "divide": pointwise.div, "power": pointwise.pow, "matmul": products.matmul,
    "less": pointwise.lt, "less_equal": pointwise.le, "greater": pointwise.gt,
    "greater_equal": pointwise.ge, "equal": pointwise.eq, "not_equal": pointwise.ne,
    "floor_divide": pointwise.floor_divide, "remainder": pointwise.remainder,
}  # fmt: skip

# Of methods that torch's arrays have and these do not: what to use.
INSTEAD = {
    "storage": "x.numpy() is a copy of the numbers",
    "stride": "leave it out: an array of Values has no layout that matters",
    "pin_memory": "leave it out: everything is on the CPU",
    "share_memory_": "leave it out",
    "new": "torch.zeros(…), torch.empty(…)",
    "addmv": "x + matrix @ row",
    "addmm_": "x + a @ b",
    "scatter_add_": "x.index_select, or one_hot(index).T @ values",
    "index_add_": "one_hot(index).T @ values",
    "erfinv": "there is no such operation here; add a row to micrograd/ops.py",
    "cdouble": "complex numbers are not here",
    "fill_diagonal_": "x * (1 - torch.eye(n)) + value * torch.eye(n)",
    "logit": "(x / (1 - x)).log()",
    "lerp": "x + w * (y - x)",
    "data_ptr": "leave it out",
    "random_": "x.copy_(torch.randint(high, x.shape))",
    "exponential_": "x.copy_(-torch.rand(x.shape).log())",
}
