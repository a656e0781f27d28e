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
  """Makes Python look for garbage less often, and among fewer objects.

  What has been imported so far is never garbage, and graphs consist of many
  objects.
  """
  gc.collect()
  gc.freeze()
  gc.set_threshold(5000, 10, 10)
