# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Describes the installation, for bug reports."""

import platform

import tensorflow as tf

import kmeans_estimator
from kmeans_estimator.ops import native


def versions() -> str:
  """Returns the versions and the kind of CPU ops, one per line."""
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

