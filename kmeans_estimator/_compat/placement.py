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
  """The number of `portable_ops` contexts that are open."""

  lock = threading.Lock()
  callers = 0


_in_functions: contextvars.ContextVar[Optional[bool]] = contextvars.ContextVar(
    'in_functions', default=None
)


@contextlib.contextmanager
def as_outside(tensor: tf.Tensor) -> Iterator[None]:
  """Gives loop bodies and branches the kind of ops that are used outside.

  TensorFlow builds them as functions, which `is_for_cpu` otherwise takes to run
  anywhere. It runs them where the loop or the conditional is.

  Args:
    tensor: a tensor that was created outside.
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

  Inside a function they are not: a function is built before it is known on
  which device it will be called. Nor are they if a GPU or TPU might run them,
  or if XLA will compile them.

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
