# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Configures pytest for this folder."""


def pytest_collection_modifyitems(items):
  """Removes `tf.test.TestCase.test_session` from the tests.

  It is a deprecated helper method. pytest would treat it as a test of every
  class and report it as skipped.
  """
  items[:] = [item for item in items if item.name != 'test_session']
