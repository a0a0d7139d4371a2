"""Where what torch users know is, by torch's names; what to use instead of what is not here."""

from __future__ import annotations

_TENSORS = "micrograd.tensors"
_OF_METHODS = """
abs absolute add all amax amin any argmax argmin argsort bincount bitwise_and bitwise_or bmm
broadcast_to ceil chunk clamp clip clone cos cosh count_nonzero cumprod cumsum diag div divide
dot eq erf exp expm1 flatten flip floor floor_divide fmod gather ge greater
greater_equal gt index_select inner isfinite isinf isnan le less less_equal log log10 log1p log2
log_softmax logical_and logical_not logical_or logical_xor logsumexp lt masked_fill
masked_select matmul max mean median min mm movedim mul multiply mv ne neg negative nonzero norm
not_equal numel outer permute pow prod ravel reciprocal relu remainder repeat_interleave reshape
roll round rsqrt scatter sigmoid sign sin sinh softmax sort split sqrt square squeeze std sub
subtract sum swapaxes t take_along_dim tan tanh tile topk transpose tril triu true_divide trunc
unbind unflatten unique unsqueeze var
""".split()  # noqa: SIM905
_CREATION = """
BoolTensor FloatTensor LongTensor allclose arange as_tensor bernoulli empty empty_like equal eye
from_numpy full full_like is_tensor isclose linspace logspace meshgrid multinomial normal ones
ones_like rand rand_like randint randint_like randn randn_like randperm scalar_tensor zeros
zeros_like
""".split()  # noqa: SIM905
_RANDOM = ["Generator", "get_rng_state", "initial_seed", "seed", "set_rng_state"]
_JOINING = ["cat", "column_stack", "hstack", "stack", "vstack"]
_DTYPES = """
bfloat16 float16 float32 float64 get_default_dtype int16 int32 int64 int8 set_default_dtype
uint8
""".split()  # noqa: SIM905

# Each name: the module that it is in, and its name there.
HOMES: dict[str, tuple[str, str]] = {
    **{name: (f"{_TENSORS}.creation", name) for name in _CREATION},
    **{name: (f"{_TENSORS}.shapes", name) for name in _JOINING},
    **{name: (f"{_TENSORS}.dtypes", name) for name in _DTYPES},
    **{name: (f"{_TENSORS}.generator", name) for name in _RANDOM},
    "manual_seed": (f"{_TENSORS}.generator", "manual_seed"),
    "set_printoptions": (f"{_TENSORS}.printing", "set_printoptions"),
    "concat": (f"{_TENSORS}.shapes", "cat"),
    "concatenate": (f"{_TENSORS}.shapes", "cat"),
    "einsum": (f"{_TENSORS}.products", "einsum"),
    "var_mean": (f"{_TENSORS}.reductions", "var_mean"),
    "Size": (f"{_TENSORS}.dtypes", "Size"),
    "device": (f"{_TENSORS}.dtypes", "Device"),
    "dtype": (f"{_TENSORS}.dtypes", "DType"),
    "float": (f"{_TENSORS}.dtypes", "float32"),
    "double": (f"{_TENSORS}.dtypes", "float64"),
    "half": (f"{_TENSORS}.dtypes", "float16"),
    "long": (f"{_TENSORS}.dtypes", "int64"),
    "int": (f"{_TENSORS}.dtypes", "int32"),
    "short": (f"{_TENSORS}.dtypes", "int16"),
    "bool": (f"{_TENSORS}.dtypes", "bool_"),
    "DoubleTensor": (f"{_TENSORS}.creation", "FloatTensor"),
    "IntTensor": (f"{_TENSORS}.creation", "LongTensor"),
    "save": ("micrograd.training.saving", "save"),
    "load": ("micrograd.training.saving", "load"),
    "History": ("micrograd.training.fit", "History"),
    "fit": ("micrograd.training.fit", "fit"),
    "compile": ("micrograd.compiler.api", "compile"),
    "Compiled": ("micrograd.compiler.compiled", "Compiled"),
    "Derivation": ("micrograd.derivations.derivation", "Derivation"),
    "derivation": ("micrograd.derivations.derivation", "derivation"),
    "Diagnosis": ("micrograd.diagnosis.diagnose", "Diagnosis"),
    "diagnose": ("micrograd.diagnosis.diagnose", "diagnose"),
    "record_step": ("micrograd.steps.record", "record_step"),
    "record_steps": ("micrograd.steps.record", "record_steps"),
    "inference_mode": ("micrograd.grad_mode", "inference_mode"),
    "enable_grad": ("micrograd.grad_mode", "enable_grad"),
    "set_grad_enabled": ("micrograd.grad_mode", "set_grad_enabled"),
    "is_grad_enabled": ("micrograd.grad_mode", "is_grad_enabled"),
    "Export": ("micrograd.exporting.export", "Export"),
    "export": ("micrograd.exporting.export", "export"),
    "from_torch": ("micrograd.exchange.from_torch", "from_torch"),
    "to_torch": ("micrograd.exchange.to_torch", "to_torch"),
}
METHODS = frozenset(_OF_METHODS)  # functions that are methods of arrays: `exp(x)` is `x.exp()`
MODULES = frozenset(["autograd", "backends", "cuda", "data", "nn", "optim", "utils"])
CONSTANTS = {
    "pi": 3.141592653589793, "e": 2.718281828459045, "inf": float("inf"), "nan": float("nan"),
    "newaxis": None,
}  # fmt: skip

_COMPLEX = "complex numbers are not here: keep the real and the imaginary part in two arrays"
_FAST = "this engine is for networks of which every number can be seen; for large ones use torch"
_LINALG = "use numpy.linalg on x.numpy(), where no gradient is needed"

# Of names that torch has and this does not: what to use.
INSTEAD: dict[str, str] = {
    "acos": "there is no such operation here; write its series, or add a row to micrograd/ops.py",
    "asin": "there is no such operation here; write its series, or add a row to micrograd/ops.py",
    "atan": "there is no such operation here; write its series, or add a row to micrograd/ops.py",
    "atan2": "there is no such operation here; add a row to micrograd/ops.py",
    "cdist": "write ((a[:, None] - b[None]) ** 2).sum(-1).sqrt()",
    "complex64": _COMPLEX,
    "complex128": _COMPLEX,
    "complex": _COMPLEX,
    "cross": "write it with products of elements",
    "distributions": "draw with randn, rand, multinomial and write the log-probability",
    "fft": _COMPLEX,
    "func": "micrograd.grad and micrograd.hessian of Values; a loop in place of vmap",
    "vmap": "write a loop, or micrograd.compile(fn, batch=True)",
    "histc": "use numpy.histogram(x.numpy())",
    "inverse": _LINALG,
    "linalg": _LINALG,
    "det": _LINALG,
    "svd": _LINALG,
    "cov": _LINALG,
    "jit": "micrograd.compile makes array kernels of a function",
    "lerp": "write a + w * (b - a)",
    "mps": "everything is on the CPU: torch.cuda.is_available() is False here",
    "multiprocessing": _FAST,
    "distributed": _FAST,
    "amp": _FAST,
    "autocast": _FAST,
    "onnx": "micrograd.export writes other formats",
    "package": _FAST,
    "quantization": _FAST,
    "sparse": _FAST,
    "sparse_coo_tensor": _FAST,
    "hub": "build the model here, or micrograd.from_torch(model)",
    "from_dlpack": "use torch.from_numpy(array)",
    "frombuffer": "use torch.from_numpy(numpy.frombuffer(…))",
    "set_num_threads": "remove it: this runs on one thread",
    "set_default_device": "remove it: everything is on the CPU",
    "set_default_tensor_type": "torch.set_default_dtype(torch.float64), or remove it",
    "searchsorted": "use numpy.searchsorted(x.numpy(), …)",
    "std_mean": "x.std(), x.mean()",
    "dropout": "torch.nn.functional.dropout",
    "random": "torch.manual_seed, torch.get_rng_state and torch.set_rng_state are here",
    "special": "functions are in torch itself: torch.erf(x), torch.expm1(x)",
    "hypot": "write (a * a + b * b).sqrt()",
    "heaviside": "write (x > 0) * 1.0",
    "nan_to_num": "write torch.where(torch.isnan(x), 0.0, x)",
    "bucketize": "use numpy.searchsorted(…, x.numpy())",
    "triu_indices": "write torch.triu(torch.ones(n, n)).nonzero().T",
    "tril_indices": "write torch.tril(torch.ones(n, n)).nonzero().T",
    "cartesian_prod": "use torch.meshgrid, and stack what it gives",
    "kron": "write (a[:, None, :, None] * b[None, :, None, :]).reshape(…)",
    "trapz": "write ((y[1:] + y[:-1]) / 2 * (x[1:] - x[:-1])).sum()",
}
