# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Which devices have a kernel for an op, says TensorFlow's registry of them.

The registry names types, not hardware: it lists GPU kernels without a GPU, and
what XLA compiles without a TPU. Only a build for CPUs alone (tensorflow-cpu)
lists none of a GPU, and there is nothing to be asked about one.
"""

import collections
import functools
import importlib
from typing import Any, Dict, Iterator, List

import tensorflow as tf

# A TPU runs nothing but what XLA compiles; TensorFlow lists that for CPU and
# GPU, and what both have is what XLA has for any device.
if tf.test.is_built_with_cuda():
  _KINDS_OF_KERNELS = {
      '/GPU:0': [{'GPU', 'DEFAULT'}],
      '/TPU:0': [{'XLA_CPU_JIT'}, {'XLA_GPU_JIT'}],
  }
else:
  _KINDS_OF_KERNELS = {'/TPU:0': [{'XLA_CPU_JIT'}]}
DEVICES = tuple(_KINDS_OF_KERNELS)
# A compiled program is given the first two, it does not hold them. Only a TPU
# can do the others, and only TensorFlow's build for TPUs knows how.
_NOT_COMPILED = {
    '/GPU:0': (),
    '/TPU:0': ('Placeholder', 'VarHandleOp', 'CrossReplicaSum', 'AllToAll'),
}


@functools.lru_cache(maxsize=None)
def _kernels() -> Dict[str, List[Any]]:
  # XLA registers its kernels when it is first used.
  tf.function(lambda x: x + 1, jit_compile=True)(tf.constant(1))
  registry = importlib.import_module('tensorflow.python.framework.kernels')
  by_op = collections.defaultdict(list)
  for kernel in registry.get_all_registered_kernels().kernel:
    by_op[kernel.op].append(kernel)
  return by_op


def _takes(kernel, node):
  """Whether a kernel takes the types that a node has."""
  for constraint in kernel.constraint:
    attribute = node.attr[constraint.name]
    types = attribute.list.type or [attribute.type] * attribute.HasField('type')
    if not set(types) <= set(constraint.allowed_values.list.type):
      return False
  return True


def nodes(graph: tf.Graph) -> Iterator[tf.compat.v1.NodeDef]:
  """All nodes of a graph, those of its functions and loops too."""
  graph_def = graph.as_graph_def()
  yield from graph_def.node
  for function in graph_def.library.function:
    yield from function.node_def


def handles_text(node: tf.compat.v1.NodeDef) -> bool:
  return any(
      tf.string.as_datatype_enum in (attribute.type, *attribute.list.type)
      for attribute in node.attr.values()
  )


def without_kernel(
    graph: tf.Graph, device: str
) -> List[tf.compat.v1.NodeDef]:
  """Nodes that a device cannot run.

  Args:
    graph: a graph; nodes that it places on the CPU itself are not looked at.
    device: one of `DEVICES`.
  """
  return [
      node
      for node in nodes(graph)
      if tf.DeviceSpec.from_string(node.device).device_type != 'CPU'
      and node.op not in _NOT_COMPILED[device]
      and not all(
          any(
              kernel.device_type in kinds and _takes(kernel, node)
              for kernel in _kernels()[node.op]
          )
          for kinds in _KINDS_OF_KERNELS[device]
      )
  ]
