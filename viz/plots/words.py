"""The words of the plots: each in English and in Chinese."""

from __future__ import annotations

from micrograd.text.words import LANGUAGES

WORDS = {
    "loss": ("loss", "损失"),
    "loss (log scale)": ("loss (log scale)", "损失（对数刻度）"),
    "epoch": ("epoch", "轮次"),
    "epochs": ("epochs", "轮数"),
    "step": ("step", "步"),
    "data seen": ("data seen before the step (epochs)", "该步之前已用的数据（轮）"),
    "losses title": ("Loss in each epoch", "每轮的损失"),
    "one loss title": ("Loss in each epoch: {name}", "每轮的损失：{name}"),
    "median title": (
        "Loss in each epoch, median of {n} runs",
        "每轮的损失，{n} 次训练的中位数",
    ),
    "steps title": (
        "Loss of each step's batch, and its running mean",
        "每一步的批次损失及其滑动平均",
    ),
    "each step": ("thin: each step", "细线：每一步"),
    "each step on log": (
        "thin: each step (lowest 5 % may be cut)",
        "细线：每一步（最低的 5 % 可能在图外）",
    ),
    "mean of steps": ("{name}: mean of {n} steps", "{name}：{n} 步的平均"),
    "every step": ("{name}: each step", "{name}：每一步"),
    "too large": (
        "{n} of {all} nan or beyond ±1e100: gap",
        "{all} 个中有 {n} 个为 nan 或超出 ±1e100：留空",
    ),
    "too small": ("{n} of {all} below 1e-100: gap", "{all} 个中有 {n} 个小于 1e-100：留空"),
    "paths title": (
        "The way down a narrow valley, L(a, b) = ({c1:g} a² + {c2:g} b²) / 2",
        "沿狭长山谷下降，L(a, b) = ({c1:g} a² + {c2:g} b²) / 2",
    ),
    "path result": ("{name}\nL = {loss:.2g} after {n} steps", "{name}\n{n} 步后 L = {loss:.2g}"),
    "path diverged": ("{name}\ndiverged: L rose", "{name}\n发散：L 上升"),
    "start": ("start", "起点"),
    "minimum": ("minimum", "最小值点"),
    "one step": ("each step", "每一步"),
    "same loss": ("equal loss", "等损失线"),
    "loss of all": ("The loss on each path", "各路径上的损失"),
    "factors title": (
        "Step per unit of gradient and of learning rate, under a constant gradient",
        "梯度恒定时，单位梯度、单位学习率对应的步长",
    ),
    "factors SGD": ("SGD: always 1", "SGD：始终为 1"),
    "factors Adagrad": ("Adagrad: keeps shrinking", "Adagrad：不断减小"),
    "factors RMSprop": ("RMSprop: levels off", "RMSprop：趋于稳定"),
    "factors Adam": ("Adam: 1/|g| from the first step", "Adam：从第一步起就是 1/|g|"),
    "factor": ("|Δp| / (lr |g|), log scale", "|Δp| / (lr |g|)（对数刻度）"),
    "gradient of": ("parameter with gradient {slope:g}", "梯度为 {slope:g} 的参数"),
    "regions title": (
        "Decision regions: {right} of {all} samples classified correctly",
        "决策区域：{all} 个样本中 {right} 个分类正确",
    ),
    "first feature": ("feature x₀", "特征 x₀"),
    "second feature": ("feature x₁", "特征 x₁"),
    "class": ("class {label:g}", "类别 {label:g}"),
    "boundary": ("boundary: score 0", "边界：得分为 0"),
    "comparison title": ("Optimisers compared", "优化器比较"),
    "final loss": ("Loss after the last epoch", "最后一轮之后的损失"),
    "epochs to reach": ("Epochs until loss ≤ {target:.3g}", "损失 ≤ {target:.3g} 所需的轮数"),
    "final losses": ("Final loss: median, each run", "最终损失：中位数与每次训练"),
    "not reached": ("not reached", "未达到"),
    "reached by": ("{epochs} ({k} of {n} runs)", "{epochs}（{n} 次中的 {k} 次）"),
    "not reached by half": ("not reached by most runs", "多数训练未达到"),
    "health title": ("Through the layers, forward and back", "逐层的前向与反向"),
    "output": ("output", "输出"),
    "gradient": ("gradient", "梯度"),
    "dead": ("dead", "死亡"),
    "saturated": ("saturated", "饱和"),
    "root mean square": ("root mean square", "均方根"),
    "share of units": ("share of units", "单元的比例"),
    "against": ("{y} against {x}", "纵轴：{y}，横轴：{x}"),
    "undefined": ("not a number", "不是数"),
}


def words(key: str, language: str, **fields: object) -> str:
    """A title or label in a language, with its {fields} filled in.

    >>> words("gradient of", "en", slope=10.0)
    'parameter with gradient 10'
    >>> words("gradient of", "zh", slope=10.0)
    '梯度为 10 的参数'
    """
    return WORDS[key][LANGUAGES.index(language)].format(**fields)
