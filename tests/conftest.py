# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Configures pytest for this folder."""

import os

import pytest


@pytest.hookimpl(hookwrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers():
  """Adds a process to those that pytest-xdist starts, one for each core.

  Tests of clusters and of signals wait for processes of their own. Meanwhile
  another test uses the core.
  """
  outcome = yield
  if 'PYTEST_XDIST_AUTO_NUM_WORKERS' not in os.environ:
    outcome.force_result(outcome.get_result() + 1)



def pytest_collection_modifyitems(items):
  """Removes `tf.test.TestCase.test_session` from the tests.

  It is a deprecated helper method. pytest would treat it as a test of every
  class and report it as skipped.
  """
  items[:] = [item for item in items if item.name != 'test_session']
