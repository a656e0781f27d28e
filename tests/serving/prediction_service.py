# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for TensorFlow Serving: its gRPC service for one SavedModel.

It answers with real protocol buffers over a real connection, and computes with
TensorFlow. It has no other feature of the server.
"""

from concurrent import futures
import contextlib
from typing import Iterator

import grpc
import tensorflow as tf
from tensorflow_serving.apis import get_model_metadata_pb2
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc

from tests.serving import exports

# TensorFlow Serving sends numbers in the typed fields of TensorProto.
_FIELDS = {
    tf.float32: 'float_val',
    tf.float64: 'double_val',
    tf.int64: 'int64_val',
}


class _Service(prediction_service_pb2_grpc.PredictionServiceServicer):
  """Serves one model; TensorFlow Serving's API defines requests and replies."""

  def __init__(self, model_name, path):
    self._model_name = model_name
    (graph,) = exports.meta_graphs(path).values()
    self._signature_def = graph.signature_def
    self._signatures = tf.saved_model.load(path).signatures

  def GetModelMetadata(self, request, context):  # pylint: disable=invalid-name
    self._check_name(request, context)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    for key, signature in self._signature_def.items():
      signatures.signature_def[key].CopyFrom(signature)
    reply = get_model_metadata_pb2.GetModelMetadataResponse()
    reply.model_spec.CopyFrom(request.model_spec)
    reply.metadata['signature_def'].Pack(signatures)
    return reply

  def Predict(self, request, context):  # pylint: disable=invalid-name
    self._check_name(request, context)
    key = request.model_spec.signature_name or 'serving_default'
    inputs = self._signature_def[key].inputs
    if set(request.inputs) != set(inputs):
      context.abort(
          grpc.StatusCode.INVALID_ARGUMENT,
          f'inputs are {sorted(inputs)}, got {sorted(request.inputs)}',
      )
    try:
      outputs = self._signatures[key](
          **{
              name: tf.constant(tf.make_ndarray(tensor))
              for name, tensor in request.inputs.items()
          }
      )
    except tf.errors.InvalidArgumentError as e:
      context.abort(grpc.StatusCode.INVALID_ARGUMENT, e.message)
    reply = predict_pb2.PredictResponse()
    reply.model_spec.CopyFrom(request.model_spec)
    for name, value in outputs.items():
      reply.outputs[name].dtype = value.dtype.as_datatype_enum
      reply.outputs[name].tensor_shape.CopyFrom(value.shape.as_proto())
      field = getattr(reply.outputs[name], _FIELDS[value.dtype])
      field.extend(value.numpy().ravel())
    return reply

  def _check_name(self, request, context):
    if request.model_spec.name != self._model_name:
      context.abort(grpc.StatusCode.NOT_FOUND, request.model_spec.name)


@contextlib.contextmanager
def serve(model_name: str, path: str) -> Iterator[str]:
  """Serves a SavedModel on the local machine until the context ends.

  Args:
    model_name: the name of the model in requests.
    path: the folder of the SavedModel.

  Yields:
    The server's address.
  """
  server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
  prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
      _Service(model_name, path), server
  )
  port = server.add_insecure_port('127.0.0.1:0')
  server.start()
  try:
    yield f'127.0.0.1:{port}'
  finally:
    server.stop(grace=None).wait()
