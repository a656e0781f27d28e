# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Supplies the names that tensorflow-estimator needs and TensorFlow removed."""

import importlib
import importlib.util
import inspect
import sys
import types

from google.protobuf import text_format
import tensorflow as tf
from tensorflow.python.framework import graph_io
from tensorflow.python.util import tf_export

from kmeans_estimator._compat import cluster_training
from kmeans_estimator._compat import tpu_stubs
from kmeans_estimator._compat import versions

# Maps each missing module's name to the function that builds the module.
MODULES = {
    'tensorflow.python.distribute.estimator_training': cluster_training.build,
    'tensorflow.python.tpu.tpu_embedding': tpu_stubs.build_embedding,
    'tensorflow.python.tpu.tpu_embedding_gradient': (
        tpu_stubs.build_embedding_gradient
    ),
    'tensorflow.python.tpu.session_support': tpu_stubs.build_session_support,
}


def fill() -> None:
  """Adds the missing names to TensorFlow, and changes no existing name.

  TensorFlow 2.13 to 2.15 have all names. Calling this again changes nothing.
  """
  _add_export_names()
  _repair_graph_text()
  for name, build in MODULES.items():
    if importlib.util.find_spec(name) is None:
      module = build(name)
      module.__spec__ = importlib.util.spec_from_loader(name, loader=None)
      sys.modules[name] = module
      parent, _, child = name.rpartition('.')
      setattr(importlib.import_module(parent), child, module)


def _add_export_names():
  """Lets `tf_export` take the API name 'estimator', which 2.16 removed."""
  if hasattr(tf_export, 'ESTIMATOR_API_NAME'):
    return
  name = 'estimator'
  tf_export.ESTIMATOR_API_NAME = name
  for attributes, suffix in (
      (tf_export.API_ATTRS, ''),
      (tf_export.API_ATTRS_V1, '_v1'),
  ):
    attributes[name] = type(attributes[tf_export.TENSORFLOW_API_NAME])(
        f'_{name}_api_names{suffix}', f'_{name}_api_constants{suffix}'
    )


def _repair_graph_text():
  """Makes TensorFlow up to 2.20 write graph.pbtxt with protobuf 7.

  Each `train` writes this file. TensorFlow passes the argument `float_format`
  to protobuf, and protobuf 7, which pip may install with TensorFlow, has no
  such argument.
  """
  parameters = inspect.signature(text_format.MessageToString).parameters
  if 'float_format' in parameters or versions.release(tf.__version__) > (2, 20):
    return

  def message_to_string(message, float_format=''):
    del float_format  # '' asks for the only format that protobuf 7 writes.
    return text_format.MessageToString(message)

  graph_io.text_format = types.SimpleNamespace(
      MessageToString=message_to_string
  )
