# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""What pytest is to know of this folder."""


def pytest_collection_modifyitems(items):
  """Leaves out `tf.test.TestCase.test_session`.

  It is a deprecated method for tests to call, which pytest takes for a test of
  every class and reports as skipped.
  """
  items[:] = [item for item in items if item.name != 'test_session']
