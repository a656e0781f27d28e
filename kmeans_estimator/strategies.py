# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Checks that the strategies of `tf.distribute` are supported."""

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
  """Refuses strategies under which training would fail or hang.

  Args:
    config: an `estimator.RunConfig` or None. Estimator refuses other types.

  Raises:
    ValueError: a strategy is not one of the supported synchronous data-parallel
      strategies, or has replicas on CPU devices that a session does not have.
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
          'leave it None and list the servers in TF_CONFIG.'
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
          f'CPU:{max(cpus)}, but a session has {available} CPU device(s). Give '
          'session_config=tf.compat.v1.ConfigProto(device_count='
          f"{{'CPU': {max(cpus) + 1}}}, allow_soft_placement=True)."
      )
