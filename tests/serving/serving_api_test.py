# Copyright 2026 The kmeans_estimator Authors.
# SPDX-License-Identifier: Apache-2.0
"""Tests exports with requests and replies of TensorFlow Serving's API."""

from absl.testing import absltest
from absl.testing import parameterized
import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import get_model_metadata_pb2
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc

from tests.serving import exports
from tests.serving import prediction_service

pytestmark = pytest.mark.slow


class ServingApiTest(parameterized.TestCase):

  def _stub(self, metric, dtype):
    address = self.enter_context(
        prediction_service.serve('kmeans', exports.saved_model(metric, dtype))
    )
    channel = self.enter_context(grpc.insecure_channel(address))
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)

  def _signatures(self, stub):
    """Requests the model's metadata; returns its signatures."""
    request = get_model_metadata_pb2.GetModelMetadataRequest()
    request.model_spec.name = 'kmeans'
    request.metadata_field.append('signature_def')
    reply = stub.GetModelMetadata(request, timeout=60)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    self.assertTrue(reply.metadata['signature_def'].Unpack(signatures))
    return signatures.signature_def

  def _predict(self, stub, signatures, key, batch):
    """Sends a request that fits the signature; returns the reply's values."""
    ((given, info),) = signatures[key].inputs.items()
    ((got, expected),) = signatures[key].outputs.items()
    request = predict_pb2.PredictRequest()
    request.model_spec.name = 'kmeans'
    request.model_spec.signature_name = key
    request.inputs[given].CopyFrom(tf.make_tensor_proto(batch, info.dtype))
    (output,) = [stub.Predict(request, timeout=60).outputs[got]]
    self.assertEqual(output.dtype, expected.dtype)
    return tf.make_ndarray(output)

  @parameterized.product(metric=exports.METRICS, dtype=exports.DTYPES)
  def test_answers_are_correct(self, metric, dtype):
    stub = self._stub(metric, dtype)
    signatures = self._signatures(stub)
    exports.assert_answers(
        lambda key, batch: self._predict(stub, signatures, key, batch),
        metric,
        dtype,
    )

  @parameterized.parameters(*exports.DTYPES)
  def test_metadata_describes_the_signatures(self, dtype):
    def described(infos):
      return {
          name: (tf.as_dtype(i.dtype), [d.size for d in i.tensor_shape.dim])
          for name, i in infos.items()
      }

    signatures = self._signatures(self._stub('cosine', dtype))
    outputs = dict(
        all_distances=(tf.as_dtype(dtype), [-1, exports.K]),
        cluster_index=(tf.int64, [-1]),
        serving_default=(tf.int64, [-1]),
    )
    self.assertCountEqual(signatures, outputs)
    for key, output in outputs.items():
      self.assertEqual(
          signatures[key].method_name, 'tensorflow/serving/predict'
      )
      self.assertEqual(
          described(signatures[key].inputs),
          {'points': (tf.as_dtype(dtype), [-1, exports.D])},
      )
      self.assertEqual(described(signatures[key].outputs), {'output': output})

  @parameterized.parameters(*exports.METRICS)
  def test_wrong_number_of_columns_is_refused_with_both_numbers(self, metric):
    stub = self._stub(metric, np.float32)
    signatures = self._signatures(stub)
    for columns in 1, 3:
      with self.assertRaises(grpc.RpcError) as raised:
        self._predict(
            stub, signatures, 'all_distances', np.zeros([2, columns])
        )
      self.assertEqual(
          raised.exception.code(), grpc.StatusCode.INVALID_ARGUMENT
      )
      self.assertRegex(raised.exception.details(), rf'4.*\[2,{columns}\]')


if __name__ == '__main__':
  absltest.main()
