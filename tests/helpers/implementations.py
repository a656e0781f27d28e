# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs test cases with portable ops and with each instruction set."""

import functools
import sys
from typing import Callable, Dict, Optional, Type
import unittest

import tensorflow as tf

from kmeans_estimator._compat import placement
from kmeans_estimator.ops import native

INSTRUCTION_SETS = ('AVX-512', 'AVX2', 'SSE2', 'NEON')


def are_native() -> bool:
  """Returns whether a CPU graph built now would have native ops."""
  with tf.Graph().as_default():
    return native.is_available() and placement.is_for_cpu(tf.constant(0.0))


def _use_portable_ops(test: unittest.TestCase) -> None:
  # unittest.TestCase.enterContext needs Python 3.11.
  context = placement.portable_ops()
  context.__enter__()
  test.addCleanup(context.__exit__, None, None, None)


def _use_instruction_set(name: Optional[str], test: unittest.TestCase) -> None:
  native.use_instruction_set(name)
  test.addCleanup(native.use_instruction_set, None)


@functools.lru_cache(maxsize=None)
def _others() -> Dict[str, Callable[[unittest.TestCase], None]]:
  """Returns functions that select each implementation except the default."""
  if not native.is_available():
    return {}
  default = native.instruction_set()
  others = {'Portable': _use_portable_ops}
  for name in INSTRUCTION_SETS:
    if name != default and native.use_instruction_set(name):
      others[name.replace('-', '')] = functools.partial(
          _use_instruction_set, name
      )
  native.use_instruction_set(None)
  return others


def _add_case(case, name, prepare):
  def set_up(self):
    prepare(self)
    super(added, self).setUp()

  # Call the metaclass of the case: that of parameterized tests is not `type`.
  added = type(case)(
      case.__name__ + name,
      (case,),
      {'setUp': set_up, '__module__': case.__module__, '__doc__': case.__doc__},
  )
  setattr(sys.modules[case.__module__], added.__name__, added)


def on_every_implementation(
    case: Type[unittest.TestCase],
) -> Type[unittest.TestCase]:
  """Decorates a test case to run with portable ops and all instruction sets.

  Graphs that the case builds before `setUp`, as in `setUpClass`, use the
  default implementation.

  Args:
    case: the test case. It runs with the default implementation: native ops
      with the best instruction set of the processor.

  Returns:
    `case`. The decorator adds a case for each further implementation to the
    module of `case`.
  """
  for name, prepare in _others().items():
    _add_case(case, name, prepare)
  return case


def native_and_portable(
    case: Type[unittest.TestCase],
) -> Type[unittest.TestCase]:
  """Decorates a slow test case to run with native ops and with portable ops.

  Args:
    case: the test case, which runs with the default implementation.

  Returns:
    `case`. The decorator adds a case with portable ops to the module of `case`.
  """
  if 'Portable' in _others():
    _add_case(case, 'Portable', _use_portable_ops)
  return case
