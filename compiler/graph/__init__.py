"""Models as graphs, and the passes over them. Next: the driver, which compiles the kernel calls; `frontends` make the graphs."""

from compiler.graph.alias_values import alias_values
from compiler.graph.check_plan import check_plan
from compiler.graph.choose_layouts import choose_layouts
from compiler.graph.evaluate import evaluate, evaluate_all
from compiler.graph.extract_groups import count_workloads, extract_groups
from compiler.graph.fuse_nodes import FusionOptions
from compiler.graph.graph import Graph, Node
from compiler.graph.group import Group
from compiler.graph.infer_types import infer_types
from compiler.graph.optimize_graph import optimize_graph, simplify_graph
from compiler.graph.plan_memory import Location, MemoryPlan, Storage, plan_memory
from compiler.graph.rewriter import GraphBuilder
from compiler.graph.verify_graph import verify_graph
from compiler.graph.workload_cost import performed_flops, weight_growth, workload_bytes, workload_flops
from compiler.graph.workload_variants import predicted_cycles, workload_variants

__all__ = [
    "FusionOptions",
    "Graph",
    "GraphBuilder",
    "Group",
    "Location",
    "MemoryPlan",
    "Node",
    "Storage",
    "alias_values",
    "check_plan",
    "choose_layouts",
    "count_workloads",
    "evaluate",
    "evaluate_all",
    "extract_groups",
    "infer_types",
    "optimize_graph",
    "performed_flops",
    "plan_memory",
    "predicted_cycles",
    "simplify_graph",
    "verify_graph",
    "weight_growth",
    "workload_bytes",
    "workload_flops",
    "workload_variants",
]
