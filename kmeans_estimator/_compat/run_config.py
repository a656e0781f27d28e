# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""TensorFlow's RunConfig, with clear errors for TF_CONFIG and safe copies."""

import copy
import functools
import json
import os
from typing import TYPE_CHECKING

from tensorflow_estimator.python.estimator import run_config


class _RunConfigType(type):

  def __instancecheck__(cls, instance):
    # An Estimator created without a config has TensorFlow's RunConfig.
    if cls is RunConfig:
      return isinstance(instance, run_config.RunConfig)
    return super().__instancecheck__(instance)


class RunConfig(run_config.RunConfig, metaclass=_RunConfigType):
  __doc__ = run_config.RunConfig.__doc__

  if not TYPE_CHECKING:  # For type checkers, TensorFlow's signature stands.

    @functools.wraps(run_config.RunConfig.__init__)
    def __init__(self, *args, **kwargs):
      _check_tf_config()
      super().__init__(*args, **kwargs)

  def __deepcopy__(self, memo):
    # An Estimator copies its config, but a MultiWorkerMirroredStrategy in an
    # evaluator cannot be copied. So the copy of the config shares the
    # strategies.
    for strategy in (self.train_distribute, self.eval_distribute):
      memo[id(strategy)] = strategy
    result = self.__class__.__new__(self.__class__)
    result.__dict__.update(copy.deepcopy(self.__dict__, memo))
    return result


# Pickle finds the class by this public name.
RunConfig.__module__ = 'kmeans_estimator.estimator'


def _check_tf_config():
  """Refuses a TF_CONFIG that does not have the documented form.

  TensorFlow checks the values of its "cluster" and "task".

  Raises:
    ValueError: TF_CONFIG, its "cluster" or its "task" is no JSON object.
  """
  text = os.environ.get('TF_CONFIG')
  if not text:
    return
  try:
    tf_config = json.loads(text)
    problem = 'it is not an object'
  except json.JSONDecodeError as error:
    tf_config, problem = None, f'it is not JSON: {error}'
  if isinstance(tf_config, dict):
    wrong = [
        part
        for part in ('cluster', 'task')
        if not isinstance(tf_config.get(part, {}), dict)
    ]
    if not wrong:
      return
    problem = f'its {wrong[0]!r} is not an object'
  raise ValueError(
      'The environment variable TF_CONFIG must be JSON like {"cluster": '
      '{"chief": ["host:port"], ...}, "task": {"type": "chief", "index": 0}}, '
      f'but {problem}. Got: {text!r}.'
  )
