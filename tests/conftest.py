# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Configures pytest for this folder."""

import gc
import os

import pytest


def pytest_collection_modifyitems(items):
  """Removes `tf.test.TestCase.test_session`, and puts slow tests first.

  `test_session` is a deprecated helper method. pytest would treat it as a test
  of every class and report it as skipped.

  Slow tests wait for the processes that they start. The first process of
  pytest-xdist starts with them; meanwhile the others keep the cores busy.
  """
  items[:] = sorted(
      (item for item in items if item.name != 'test_session'),
      key=lambda item: item.get_closest_marker('slow') is None,
  )


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers(config):
  """Adds a process to one per core, if slow tests run."""
  number = yield
  if config.option.markexpr or 'PYTEST_XDIST_AUTO_NUM_WORKERS' in os.environ:
    return number
  return number + 1


def pytest_collection_finish():
  """Makes Python look for garbage less often, and among fewer objects.

  What has been imported so far is never garbage, and graphs consist of many
  objects.
  """
  gc.collect()
  gc.freeze()
  gc.set_threshold(5000, 10, 10)
