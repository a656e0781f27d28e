# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Folders for models, which are deleted when the process ends."""

import tempfile

_ALL = tempfile.TemporaryDirectory(prefix='kmeans_benchmarks')


def folder() -> str:
  """Creates a new folder and returns its path."""
  return tempfile.mkdtemp(dir=_ALL.name)
