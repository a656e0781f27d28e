# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests for kmeans_estimator._compat.versions."""

import importlib.util
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized

from kmeans_estimator._compat import versions


class CheckTest(parameterized.TestCase):

  @parameterized.parameters('2.13.0', '2.16.2', '2.21.0', '2.21.0-rc1')
  def test_accepts_version(self, version):
    versions.check_tensorflow(version)

  @parameterized.parameters('1.15.5', '2.12.1', '2.22.0', '3.0.0')
  def test_refuses_version(self, version):
    with self.assertRaisesRegex(
        ImportError, rf'TensorFlow 2\.13 to 2\.21; found TensorFlow {version}'
    ):
      versions.check_tensorflow(version)

  @parameterized.parameters(
      ('2.13.1', '2.13.*'), ('2.15.0', '2.15.*'), ('2.21.0', '2.15.*')
  )
  def test_says_how_to_install_tensorflow_estimator(self, version, wanted):
    with mock.patch.object(importlib.util, 'find_spec', return_value=None):
      with self.assertRaises(ImportError) as raised:
        versions.check_tensorflow_estimator(version)
    self.assertIn(
        f'python -m pip install "tensorflow-estimator=={wanted}"',
        str(raised.exception),
    )


if __name__ == '__main__':
  absltest.main()
