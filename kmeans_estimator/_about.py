# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a report of a fault should say about an installation."""

import os
import platform

import kmeans_estimator


def versions() -> str:
  """Describes versions, and the ops that CPUs run; a line each."""
  # Before TensorFlow is imported, which would log to the same terminal.
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
  import tensorflow as tf

  from kmeans_estimator.ops import native

  ops = (
      f'native, {native.instruction_set()}'
      if native.is_available()
      else f'portable: {native.unavailable_because()}'
  )
  return '\n'.join([
      f'kmeans_estimator {kmeans_estimator.__version__}',
      f'TensorFlow {tf.__version__}',
      f'Python {platform.python_version()}',
      f'ops on CPUs: {ops}',
  ])

