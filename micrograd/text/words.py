"""The words of tables and pictures, in the languages that they come in."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from micrograd.errors import ArgumentValueError

LANGUAGES = ("en", "zh")

_CHINESE = {
    "network": "网络",
    "one sample": "一个样本",
    "{n} samples": "{n} 个样本",
    "sample {i} of {n}": "第 {i} 个样本（共 {n} 个）",
    "learning rate": "学习率",
    "Initial parameters": "初始参数",
    "Forward pass": "前向传播",
    "Backward pass": "反向传播",
    "gradient of the loss by each output": "损失对各输出的梯度",
    "input": "输入",
    "target": "目标值",
    "output": "输出",
    "loss": "损失",
    "Output": "输出",
    "Loss": "损失",
    "Gradients": "梯度",
    "Updated parameters": "更新后的参数",
    "After the step": "更新之后",
    "Update rule": "更新规则",
    "step {i} of {n}": "第 {i} 步（共 {n} 步）",
    "before the step": "更新之前",
    "uphill, as the loss is to be larger": "取反，使损失变大",
    "gradient with weight decay": "加上权重衰减的梯度",
    "velocity": "速度",
    "sum of squared gradients": "梯度平方之和",
    "learning rate of this step": "这一步的学习率",
    "mean of squared gradients": "梯度平方的平均",
    "mean of gradients": "梯度的平均",
    "variance of gradients": "梯度的方差",
    "largest v so far": "迄今最大的 v",
    "corrected for the start at 0": "修正从 0 开始的偏差",
    "not reached": "未到达",
    "value": "数值",
    "new value": "更新后的数值",
    "new": "更新后",
    "gradient": "梯度",
    "weight": "权重",
    "weights": "权重",
    "bias": "偏置",
    "hidden neuron": "隐藏层神经元",
    "output neuron": "输出神经元",
    "forward value": "前向值",
    "local derivative": "局部导数",
    "gradient = upstream × local": "梯度 = 上游 × 局部",
    "after one {name} step": "一步 {name} 之后",
    "mean of {n}": "{n} 项的平均",
    "sum over {n} samples": "{n} 个样本之和",
    "Σ over {n} samples": "Σ：{n} 个样本",
    "direct": "直接",
    "{x} is the largest of {names}, taken off so that exp cannot overflow": (
        "{x} 是 {names} 中最大的，减去它，exp 就不会溢出"
    ),
    "by the equation of {top} alone, without the other paths": (
        "只按 {top} 自己的式子，不计其他路径"
    ),
    "{one}: by the equation of {top} alone; {all}: along all paths": (
        "{one}：只按 {top} 自己的式子；{all}：沿所有路径"
    ),
    "Σ over {n} uses": "Σ：{n} 处使用",
    "Σ others": "Σ 其余样本",
    "g is the gradient": "g 为梯度",
    "rounded to {n} decimals": "四舍五入到 {n} 位小数",
    "rounded to {n} decimals; small print: the digits it needs": "{n} 位小数；小字按需增加位数",
    "this one": "本样本",
    "share": "本样本的份额",
    "shared parameter": "共用的参数",
    "neuron": "神经元",
    "computed": "计算结果",
    "gradients: whole batch": "梯度：整个批次",
    "folded to layers": "已折叠为层",
    "result": "结果",
    "{n} cards, {m} wires": "{n} 张卡片，{m} 条连线",
    "{a} to {b}": "{a} 到 {b}",
    "{n} scalar operations on {m} cards": "{n} 个标量运算，{m} 张卡片",
    "{n} values": "{n} 个数",
    "behind": "其后",
    "constants": "常数",
    "parameters": "参数",
    "inputs, constants": "输入和常数",
    "others": "其他",
    "and {n} more": "另有 {n} 个",
    "epoch": "轮次",
    "steps ran compiled": "各步以编译方式运行",
    "steps ran eagerly": "各步逐个运算运行",
    "training": "训练",
    "validation": "验证",
    "training loss": "训练损失",
    "validation loss": "验证损失",
    "method": "方法",
    "batch size": "批次大小",
    "dead units": "死亡单元",
    "all units of layer {n} are dead": "第 {n} 层的单元全部死亡",
    "dead units: of {n}, at first → at last": "死亡单元：共 {n} 个，训练前 → 训练后",
    "median (lowest – highest) of {n} runs": "{n} 次训练的中位数（最低 – 最高）",
    "diverged in epoch {n}": "在第 {n} 轮发散",
    "a whole layer is dead since epoch {n}": "第 {n} 轮之后有一整层死亡，输出成为常数",
    "a whole layer is dead before training": "训练前就有一整层死亡，输出是常数",
    "{name}, seed {seed}: {said}": "{name}，种子 {seed}：{said}",
    "steps": "步数",
    "parameter": "参数",
    "constant": "常数",
    "batch": "批",
    "array operation": "数组运算",
    "scalar operations that it stands for": "它所代表的标量运算",
    "{n} scalar operations": "{n} 个标量运算",
    "indexing of a list": "列表索引",
    "{n} scalar operations for each of {lanes} samples": "{lanes} 个样本，各 {n} 个标量运算",
    "{n} scalar operation": "{n} 个标量运算",
    "{n} scalar operation for each of {lanes} samples": "{lanes} 个样本，各 {n} 个标量运算",
    "{n} array operation": "{n} 个数组运算",
    "part": "部分",
    "{n} array operations": "{n} 个数组运算",
    "one array": "一个数组",
    "one number": "一个数",
    "{n} arrays": "{n} 个数组",
    "{n} times more": "再重复 {n} 次",
    "for {n} steps": "循环 {n} 步",
    "back, for {n} steps": "反向，循环 {n} 步",
    "{n} loops": "{n} 个循环",
    "{n} more loops": "… 另有 {n} 个循环",
    "{n} more": "… 另有 {n} 个",
    "{n} sums": "累加 {n} 个和",
    "like {names}, {n} times more": "同 {names}，再重复 {n} 次",
    "leaf": "叶节点",
    "matmul": "矩阵乘法",
    "matvec": "矩阵乘向量",
    "dot": "点积",
    "batched dot": "逐行点积",
    "convolution": "卷积",
    "sum": "求和",
    "max": "最大值",
    "lookup": "查表",
    "elementwise": "逐元素",
    "ragged sum": "不等长求和",
    "ragged max": "不等长最大值",
    "{n} paths, summed up layer by layer": "{n} 条路径，逐层求和",
    "{n} numbers from {low} to {high}": "{n} 个数，从 {low} 到 {high}",
    "The inputs": "输入",
    "{name}: what comes in, times the weights": "{name}：输入乘以权重，再相加",
    "{name} is computed": "计算 {name}",
    "{name}: the activation": "{name}：激活函数",
    "The backward pass starts at the end": "反向传播从最后开始",
    "Back through the activation of {name}": "穿过 {name} 的激活函数往回传",
    "path {k}": "路径 {k}",
    "The gradient of {name}": "{name} 的梯度",
    ": path {k} of {n}, through {through}": "：{n} 条路径中的第 {k} 条，经过 {through}",
    "The paths to {name} meet: they are added": "通向 {name} 的路径汇合：相加",
    "This is the share of one sample; the gradient is the sum over all {n}.": (
        "这是一个样本的份额；梯度是全部 {n} 个样本之和。"
    ),
    "via {name}": "经由 {name}",
    "The update of {name}": "{name} 的更新",
    "inputs and targets": "输入和目标值",
    "inputs": "输入",
    "to the start": "回到开头",
    "one step back": "后退一步",
    "play": "播放",
    "pause": "暂停",
    "one step on": "前进一步",
    "to the end": "到结尾",
    "step": "步骤",
    "picture of the graph; scroll or drag to move": "计算图；滚动或拖动来移动",
    "blank the rest": "其余留空",
    "speed": "速度",
    "slow": "慢",
    "medium": "中",
    "fast": "快",
    "smaller": "缩小",
    "larger": "放大",
    "fit": "适合窗口",
    "print a worksheet with its solution": "打印练习纸及答案",
    "How a number came about": "一个数是怎么来的",
    "Click any number in the picture, or choose one here.": "点击图中任意一个数，或在这里选择。",
    "number": "数",
    "copy as LaTeX": "复制为 LaTeX",
    "copy as Markdown": "复制为 Markdown",
    "copy as text": "复制为文本",
    "close": "关闭",
    "Change the numbers": "改变数字",
    "Everything on this page is computed again; nan and inf are numbers, too.": (
        "页面上的一切都会重新计算；nan 和 inf 也是数。"
    ),
    "as recorded": "恢复原样",
    "start": "开始",
    "copied": "已复制",
    "Press → or space. The forward pass computes the result, the backward pass each gradient, and "
    "the update each new parameter.": (
        "按 → 或空格键。前向传播计算结果，反向传播计算每个梯度，更新得到每个新参数。"
    ),
    "Trust this notebook to see the page: {title}": "信任此笔记本后可以看到网页：{title}",
    "Copy from here:": "请从这里复制：",
    "{text} is no number; write one such as 0.5, -2, 1e-3, nan or inf.": (
        "{text} 不是数；请写成 0.5、-2、1e-3、nan 或 inf 这样的形式。"
    ),
    "With these numbers the program takes another branch: numbers are right, formulas are those of "
    "the recorded run.": "用这些数，程序会走另一个分支：数值是对的，公式是记录时的。",
    "This optimizer looks at its numbers, so updates are not computed again here.": (
        "这个优化器会查看它的数值，所以这里不重新计算更新。"
    ),
    "print slides": "打印幻灯片",
    "operations": "运算",
    "outside of modules": "不属于任何模块",
    "Press → for the next layer. Click a layer to see its neurons, a neuron to see its "
    "operations, a number to see how it came about.": (
        "按 → 看下一层。点击一层看它的神经元，点击神经元看它的运算，点击一个数看它是怎么来的。"
    ),
    "one scalar operation": "一个标量运算",
    "{a} … {b}": "{a} … {b}",
    "{n} results": "{n} 个结果",
    "a sum of {n} products: click the gradient to see them": "{n} 个乘积之和：点击梯度可以查看",
    "{n} parameters are updated, each by its own gradient; one of them:": (
        "更新 {n} 个参数，各用自己的梯度；其中之一："
    ),
    "{n} found, {m} shown": "找到 {n} 个，显示 {m} 个",
    "name": "名称",
    "operation": "运算",
    "Click a card's title, or choose one here.": "点击卡片的标题，或在这里选择。",
    "search by name": "按名称搜索",
    "its number": "它的数",
    "Worksheet": "练习纸",
    "Solution": "答案",
    "Fill in the blanks. Each gradient is upstream times local; where paths meet, they are "
    "added.": ("请填空。每个梯度等于上游乘以局部；路径汇合处相加。"),
    "{n} paths, by way of the {m} uses of {name}; each adds upstream times local:": (
        "共 {n} 条路径，经过 {name} 的 {m} 处使用；每处加上“上游 × 局部”："
    ),
    "{n} numbers": "{n} 个数",
    "and {n} more, which come to {sum}": "还有 {n} 项，合计 {sum}",
    "… computed from {n} equations before:": "……由之前的 {n} 个等式算得：",
    "{n} paths; each line adds one product, from the result back:": (
        "{n} 条路径；从结果往回，每行加上一个乘积："
    ),
    "This is the share of one sample; the gradient of the batch is:": (
        "这是一个样本的份额；整个批次的梯度是："
    ),
    "gathered": "收集",
    "ragged": "不等长",
    "windows": "滑动窗口",
}


def check_language(language: str) -> str:
    """The language itself; an ArgumentValueError if there is no such one."""
    if language not in LANGUAGES:
        raise ArgumentValueError(
            f"language must be one of {', '.join(LANGUAGES)}, got {language!r}"
        )
    return language


def word(english: str, language: str, **fields: object) -> str:
    """A word or phrase in a language, with its {fields} filled in.

    >>> word("sample {i} of {n}", "en", i=1, n=4)
    'sample 1 of 4'
    """
    return (english if language == "en" else _CHINESE[english]).format(**fields)


MISSING = "–"  # where no backward pass came
DIGITS = 4  # decimals, as the article prints
MOST_DIGITS = 17


def check_digits(digits: int) -> int:
    """The number of decimals itself; an ArgumentValueError if there is no such one."""
    whole = isinstance(digits, int) and not isinstance(digits, bool)
    if not whole or not 1 <= digits <= MOST_DIGITS:
        raise ArgumentValueError(
            f"digits must be a whole number from 1 to {MOST_DIGITS}, got {digits!r}"
        )
    return digits


def number(x: Any, digits: int = DIGITS) -> str:
    """Four decimals, as the article prints; scientific where that would say nothing.

    >>> number(0.63185), number(-2.0), number(3e-7), number(float("nan")), number(None)
    ('0.6319', '-2.0000', '3.0000e-07', 'nan', '–')
    >>> number(0.63185, 2), number(0.63185, 6)
    ('0.63', '0.631850')
    """
    if x is None or x is np.ma.masked:
        return MISSING
    if not math.isfinite(x):
        return str(x)
    if x != 0 and not 0.5 * 10.0**-digits <= abs(x) < 1e7:
        return f"{x:.{digits}e}"
    return f"{x + 0.0:.{digits}f}"


def short(x: float, digits: int = DIGITS) -> str:
    """A whole number without decimals, any other as `number` has it.

    >>> short(2.0), short(0.63185)
    ('2', '0.6319')
    """
    return f"{x + 0.0:.0f}" if x == round(x, 0) and abs(x) < 1e7 else number(x, digits)


def exact(x: float) -> str:
    """A number in full, as short as it can be.

    >>> exact(0.1), exact(3.0), exact(1 / 3)
    ('0.1', '3', '0.3333333333333333')
    """
    x += 0.0
    return f"{x:g}" if float(f"{x:g}") == x else repr(float(x))
