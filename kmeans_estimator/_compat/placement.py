# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Predicts on which kind of device the ops of a graph will run.

TensorFlow places ops when the graph runs. While the graph is built, private
attributes of its ops tell whether XLA or a TPU will compile them.
"""

import contextlib
import contextvars
import threading
from typing import Iterator, Optional

import tensorflow as tf


class _Portable:
  """Counts the open `portable_ops` contexts of the process."""

  lock = threading.Lock()
  callers = 0


_in_functions: contextvars.ContextVar[Optional[bool]] = contextvars.ContextVar(
    'in_functions', default=None
)


@contextlib.contextmanager
def as_outside(tensor: tf.Tensor) -> Iterator[None]:
  """Makes loop bodies and branches use the same kind of ops as the outer graph.

  TensorFlow builds loop bodies and branches as functions, and runs them on the
  device of the loop or the conditional. Without this context, `is_for_cpu`
  assumes that a function may run on any device, and returns False.

  Args:
    tensor: a tensor that was created outside the loop or the conditional.
  """
  token = _in_functions.set(is_for_cpu(tensor))
  try:
    yield
  finally:
    _in_functions.reset(token)


@contextlib.contextmanager
def portable_ops() -> Iterator[None]:
  """Makes graphs that are built inside this context use only portable ops.

  Exported graphs need this: the process that loads them may not have the native
  ops. The context applies to all threads, because strategies build the graph of
  each replica in a separate thread.
  """
  with _Portable.lock:
    _Portable.callers += 1
  try:
    yield
  finally:
    with _Portable.lock:
      _Portable.callers -= 1


def is_for_cpu(tensor: tf.Tensor) -> bool:
  """Returns whether ops in this tensor's context are certain to run on a CPU.

  The ops of a function are not certain to run on a CPU: TensorFlow builds a
  function before it knows the device of the call. Nor are ops that a GPU or TPU
  might run, or that XLA will compile.

  Args:
    tensor: a tensor that was created in the context.
  """
  decided = _in_functions.get()
  if decided is not None:
    return decided
  if _Portable.callers or is_for_accelerator(tensor):
    return False
  if tf.executing_eagerly():
    return True
  return not tf.compat.v1.get_default_graph().building_function and not any(
      name.startswith('_Xla') for name in _attributes(tensor)
  )


def is_for_accelerator(tensor: tf.Tensor) -> bool:
  """Returns whether a GPU or TPU might run ops in this tensor's context."""
  if any(tf.config.list_physical_devices(kind) for kind in ('GPU', 'TPU')):
    return True
  device = tf.DeviceSpec.from_string(tensor.device).device_type
  if device not in (None, 'CPU'):
    return True
  return not tf.executing_eagerly() and any(
      name.startswith('_tpu') for name in _attributes(tensor)
  )


def _attributes(tensor):
  """Returns the names of the attributes of the op that created a tensor."""
  # An eager tensor that a function under construction captures has no op.
  return () if hasattr(tensor, 'numpy') else tensor.op.node_def.attr
