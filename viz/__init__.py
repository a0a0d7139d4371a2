"""Pictures of what `micrograd` did: three views of one recorded graph."""

from viz.figure import Figure
from viz.layers import layer_graph
from viz.neurons import gradient_diagram
from viz.operations import op_graph
from viz.record_graph import draw_dot, trace

__all__ = ["Figure", "draw_dot", "gradient_diagram", "layer_graph", "op_graph", "trace"]
