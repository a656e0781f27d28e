# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Configures pytest for this folder."""

import gc


def pytest_collection_modifyitems(items):
  """Removes `tf.test.TestCase.test_session` from the tests.

  It is a deprecated helper method. pytest would treat it as a test of every
  class and report it as skipped.
  """
  items[:] = [item for item in items if item.name != 'test_session']


def pytest_collection_finish():
  """Makes garbage collection cheaper: it took 5 % of the time of all tests.

  What has been imported so far is never garbage. Graphs consist of so many
  objects that Python would otherwise look for garbage all the time.
  """
  gc.collect()
  gc.freeze()
  gc.set_threshold(5000, 10, 10)
