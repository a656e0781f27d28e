# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests for kmeans_estimator._compat.install."""

import importlib.util
import sys
from unittest import mock

import pytest
import tensorflow as tf

from kmeans_estimator import _compat
from kmeans_estimator._compat import gaps
from tests.helpers import running


class InstallTest(tf.test.TestCase):

  def test_second_install_changes_nothing(self):
    before = {
        name: sys.modules.get(name)
        for name in gaps.MODULES
    }
    filters = list(tf.get_logger().filters)
    _compat.install()
    self.assertEqual(
        before, {name: sys.modules.get(name) for name in before}
    )
    self.assertEqual(filters, tf.get_logger().filters)

  def test_refuses_an_unsupported_tensorflow(self):
    with mock.patch.object(tf, '__version__', '2.22.0'):
      with self.assertRaisesRegex(ImportError, 'found TensorFlow 2.22.0'):
        _compat.install()

  def test_requires_tensorflow_estimator(self):
    with mock.patch.object(importlib.util, 'find_spec', return_value=None):
      with self.assertRaisesRegex(ImportError, 'pip install "tensorflow-est'):
        _compat.install()

  @pytest.mark.slow
  def test_import_fails_clearly(self):
    result = running.run_forked(
        '-c',
        'import tensorflow as tf; tf.__version__ = "2.12.0"\n'
        'from kmeans_estimator import KMeans',
    )
    self.assertEqual(result.status, 1)
    self.assertEndsWith(
        result.err.strip(),
        'ImportError: kmeans_estimator works with TensorFlow 2.13 to 2.21; '
        'found TensorFlow 2.12.0. Install a supported version.',
    )


if __name__ == '__main__':
  tf.test.main()
