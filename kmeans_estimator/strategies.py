# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Which strategies of `tf.distribute` k-means can run under."""

from typing import Any

import tensorflow as tf

_v1 = tf.compat.v1.distribute
_USABLE = (
    tf.distribute.OneDeviceStrategy,
    tf.distribute.MirroredStrategy,
    tf.distribute.MultiWorkerMirroredStrategy,
    _v1.OneDeviceStrategy,
    _v1.MirroredStrategy,
    _v1.experimental.MultiWorkerMirroredStrategy,
)


def check_supported(config: Any) -> None:
  """Refuses what would fail in the middle of training, or wait for ever.

  Args:
    config: an `estimator.RunConfig` or None. Whatever else it is, Estimator
      refuses.

  Raises:
    ValueError: a strategy is not a synchronous one of data parallel replicas,
      or has CPUs that a session will not have.
  """
  for name in ('train_distribute', 'eval_distribute'):
    strategy = getattr(config, name, None)
    if strategy is None:
      continue
    if not isinstance(strategy, _USABLE):
      raise ValueError(
          f'RunConfig.{name} must be None, OneDeviceStrategy, MirroredStrategy '
          'or MultiWorkerMirroredStrategy, got '
          f'{strategy.__class__.__name__}. To train with parameter servers, '
          'leave it None and name them in TF_CONFIG.'
      )
    devices = [
        tf.DeviceSpec.from_string(device)
        for device in strategy.extended.worker_devices
    ]
    cpus = [spec.device_index for spec in devices if spec.device_type == 'CPU']
    session_config = config.session_config
    available = session_config and session_config.device_count.get('CPU') or 1
    if cpus and max(cpus) >= available:
      raise ValueError(
          f'RunConfig.{name} has replicas on {len(cpus)} CPU devices up to '
          f'CPU:{max(cpus)}, but a session has {available}. Give '
          'session_config=tf.compat.v1.ConfigProto(device_count='
          f"{{'CPU': {max(cpus) + 1}}}, allow_soft_placement=True)."
      )
