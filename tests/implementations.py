# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs test cases on every implementation of the heart of a step."""

import sys
from typing import Callable, Dict, Optional, Type
import unittest

from kmeans_estimator.ops import native
from kmeans_estimator.ops import placement


def _portable(test: unittest.TestCase) -> None:
  # unittest.TestCase.enterContext came with Python 3.11.
  context = placement.portable_ops()
  context.__enter__()
  test.addCleanup(context.__exit__, None, None, None)


def _on_instruction_set(name: Optional[str]) -> Callable[..., None]:
  def set_up(test):
    native.use_instruction_set(name)
    test.addCleanup(native.use_instruction_set, None)

  return set_up


def _others() -> Dict[str, Callable[[unittest.TestCase], None]]:
  """What sets up each implementation but the one that is used by default."""
  if not native.is_available():
    return {}
  best = native.instruction_set()
  others = {'Portable': _portable}
  for name in ('AVX-512', 'AVX2', 'SSE2'):
    if name != best and native.use_instruction_set(name):
      others[name.replace('-', '')] = _on_instruction_set(name)
  native.use_instruction_set(None)
  return others


def on_every_implementation(
    case: Type[unittest.TestCase],
) -> Type[unittest.TestCase]:
  """Decorates a test case, to run with portable ops and all instruction sets.

  Args:
    case: runs with what is used by default: native ops of the best instruction
      set that the processor has.

  Returns:
    `case`. Its module gets one more case for each other implementation.
  """
  module = sys.modules[case.__module__]
  for name, enter in _others().items():

    def set_up(self, enter=enter):
      enter(self)
      case.setUp(self)

    setattr(
        module,
        case.__name__ + name,
        type(
            case.__name__ + name,
            (case,),
            {'setUp': set_up, '__module__': case.__module__},
        ),
    )
  return case
