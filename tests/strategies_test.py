# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests for kmeans_estimator.strategies."""

from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import tensorflow as tf

import kmeans_estimator
from kmeans_estimator import estimator
from kmeans_estimator import strategies

_v1 = tf.compat.v1.distribute


def _mirrored(*devices):
  # An earlier test in this process may have disabled soft placement, and then
  # all devices of a strategy must exist.
  tf.config.set_soft_device_placement(True)
  return tf.distribute.MirroredStrategy(devices)


def _session_config(cpus):
  return tf.compat.v1.ConfigProto(device_count={'CPU': cpus})


class CheckTest(parameterized.TestCase):

  @parameterized.parameters(
      tf.distribute.TPUStrategy,
      tf.distribute.experimental.CentralStorageStrategy,
      _v1.experimental.ParameterServerStrategy,
  )
  def test_refuses_unsupported_strategies(self, strategy_class):
    strategy = mock.create_autospec(strategy_class, instance=True)
    for name in ('train_distribute', 'eval_distribute'):
      config = estimator.RunConfig(**{name: strategy})
      with self.assertRaisesRegex(
          ValueError, f'RunConfig.{name} must be .*{strategy_class.__name__}'
      ):
        kmeans_estimator.KMeansClustering(3, config=config)

  def test_estimator_refuses_parameter_servers_of_tensorflow_2(self):
    strategy = mock.create_autospec(
        tf.distribute.ParameterServerStrategy, instance=True
    )
    with self.assertRaisesRegex(ValueError, 'parameter server strategy'):
      estimator.RunConfig(train_distribute=strategy)

  def test_accepts_synchronous_strategies(self):
    for strategy in (
        None,
        _mirrored('CPU:0'),
        _v1.MirroredStrategy(['CPU:0']),
        tf.distribute.OneDeviceStrategy('CPU:0'),
        _v1.OneDeviceStrategy('CPU:0'),
        tf.distribute.MultiWorkerMirroredStrategy(),
        _v1.experimental.MultiWorkerMirroredStrategy(),
    ):
      strategies.check_supported(estimator.RunConfig(train_distribute=strategy))

  def test_refuses_cpus_that_a_session_does_not_have(self):
    strategy = _mirrored('CPU:0', 'CPU:1', 'CPU:2')
    for session_config in (None, _session_config(2)):
      config = estimator.RunConfig(
          eval_distribute=strategy, session_config=session_config
      )
      with self.assertRaisesRegex(
          ValueError, "eval_distribute has replicas on .*{'CPU': 3}"
      ):
        kmeans_estimator.KMeansClustering(3, config=config)
    strategies.check_supported(
        estimator.RunConfig(
            eval_distribute=strategy, session_config=_session_config(3)
        )
    )

  def test_accepts_gpus_without_a_check(self):
    strategies.check_supported(
        estimator.RunConfig(train_distribute=_mirrored('GPU:0', 'GPU:1'))
    )


if __name__ == '__main__':
  absltest.main()
