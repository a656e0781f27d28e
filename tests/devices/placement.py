# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Finds the nodes of a graph that have no kernel on a device.

TensorFlow's kernel registry lists GPU kernels on a machine without a GPU, and
the ops that XLA compiles on a machine without a TPU. Only a build for CPUs
(tensorflow-cpu) lists no GPU kernels; with it, nothing can be said about GPUs.
"""

import collections
import functools
import importlib
from typing import Any, Dict, Iterator, List

import tensorflow as tf

# A TPU runs only ops that XLA compiles. TensorFlow lists the ops that XLA
# compiles for CPUs and for GPUs; the ops in both lists are those for any
# device.
if tf.test.is_built_with_cuda():
  _KINDS_OF_KERNELS = {
      '/GPU:0': [{'GPU', 'DEFAULT'}],
      '/TPU:0': [{'XLA_CPU_JIT'}, {'XLA_GPU_JIT'}],
  }
else:
  _KINDS_OF_KERNELS = {'/TPU:0': [{'XLA_CPU_JIT'}]}
DEVICES = tuple(_KINDS_OF_KERNELS)
# Ops that need no kernel. The first two are arguments of a compiled program,
# not parts of it. The other ops have kernels only in TensorFlow's build for
# TPUs.
_NOT_COMPILED = {
    '/GPU:0': (),
    '/TPU:0': ('Placeholder', 'VarHandleOp', 'CrossReplicaSum', 'AllToAll'),
}


@functools.lru_cache(maxsize=None)
def _kernels() -> Dict[str, List[Any]]:
  # XLA registers its kernels when it is first used; use it.
  tf.function(lambda x: x + 1, jit_compile=True)(tf.constant(1))
  registry = importlib.import_module('tensorflow.python.framework.kernels')
  by_op = collections.defaultdict(list)
  for kernel in registry.get_all_registered_kernels().kernel:
    by_op[kernel.op].append(kernel)
  return by_op


def _dtypes(node):
  """Returns the attributes of a node that are dtypes, as (name, dtypes)."""
  for name, attribute in sorted(node.attr.items()):
    if attribute.HasField('type'):
      yield name, (attribute.type,)
    elif attribute.list.type:
      yield name, tuple(attribute.list.type)


@functools.lru_cache(maxsize=None)
def _has_kernel(op: str, dtypes: tuple, device: str) -> bool:
  """Returns whether a device has a kernel of an op for the dtypes."""
  given = dict(dtypes)

  def takes(kernel):
    return all(
        set(given.get(constraint.name, ()))
        <= set(constraint.allowed_values.list.type)
        for constraint in kernel.constraint
    )

  return all(
      any(
          kernel.device_type in kinds and takes(kernel)
          for kernel in _kernels()[op]
      )
      for kinds in _KINDS_OF_KERNELS[device]
  )


def nodes(graph: tf.Graph) -> Iterator[tf.compat.v1.NodeDef]:
  """Yields all nodes of a graph, including those of functions and loops."""
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
  """Returns the nodes that a device cannot run.

  Args:
    graph: a graph; nodes that it places on the CPU are ignored.
    device: one of `DEVICES`.
  """
  return [
      node
      for node in nodes(graph)
      if tf.DeviceSpec.from_string(node.device).device_type != 'CPU'
      and node.op not in _NOT_COMPILED[device]
      and not _has_kernel(node.op, tuple(_dtypes(node)), device)
  ]
